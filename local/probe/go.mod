// The program of the pod that proves the cluster's name service. Standard library only.
module stylobate/local/probe

go 1.26.0
