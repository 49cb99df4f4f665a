// The one way into the cluster's network namespace. Standard library only.
module stylobate/local/portal

go 1.26.0
