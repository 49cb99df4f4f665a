// The program of the pod that proves the cluster: it succeeds when the name given as its argument resolves
// from inside a pod, by the pod's own resolver settings. That takes the scheduler, the kubelet, the pod
// network, kube-proxy and CoreDNS all to work.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"
)

const (
	// patience covers the second or two that kube-proxy may take to write the rules of a new Service.
	patience = 20 * time.Second
	// pause between two attempts.
	pause = 200 * time.Millisecond
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: probe NAME")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		addresses, err := lookup(ctx, os.Args[1])
		if err == nil {
			fmt.Println(os.Args[1], addresses)
			return
		}
		if ctx.Err() != nil {
			fmt.Fprintf(os.Stderr, "failed to resolve %s: %v\n", os.Args[1], err)
			os.Exit(1)
		}
		time.Sleep(pause)
	}
}

// lookup asks once, and gives up early enough for a lost first packet not to cost five seconds.
func lookup(ctx context.Context, name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return net.DefaultResolver.LookupHost(ctx, name)
}
