// The one way into the cluster's network namespace: a TCP port on this machine's loopback address that
// leads to the API server.
//
// The cluster's namespace has no link to the machine's own, so that nothing in it can reach, or be reached
// from, anywhere else. A socket belongs to the namespace it was made in, whoever holds it: this program opens
// its listener outside, then becomes (by nsenter, with the same process id) a copy of itself inside, which
// accepts on the listener it inherited and dials the API server there. One process serves every connection.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// dialTimeout bounds one attempt to reach the API server, which is on the same machine.
const dialTimeout = 5 * time.Second

func main() {
	listen := flag.String("listen", "", "address to listen on, outside the namespace")
	netns := flag.String("netns", "", "file of the network namespace to forward into")
	to := flag.String("to", "", "address to forward to, inside the namespace")
	inherited := flag.Int("fd", -1, "descriptor of a listener made before (the program's own second half)")
	flag.Parse()
	var err error
	if *inherited < 0 {
		err = enter(*listen, *netns, *to)
	} else {
		err = serve(*inherited, *to)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// enter opens the listener here and becomes a copy of this program inside the namespace.
func enter(listen, netns, to string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("failed to listen on %s: %w", listen, err)
	}
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return fmt.Errorf("failed to get the descriptor of the listener: %w", err)
	}
	// A plain dup is not close-on-exec, so that it survives the change of program.
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		return fmt.Errorf("failed to duplicate the listener: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("failed to find this program's own file: %w", err)
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return fmt.Errorf("failed to find nsenter (Debian package util-linux): %w", err)
	}
	args := []string{nsenter, "--net=" + netns, "--", self, "-fd", strconv.Itoa(fd), "-to", to}
	return fmt.Errorf("failed to enter namespace %s: %w", netns, syscall.Exec(nsenter, args, os.Environ()))
}

// serve forwards every connection of the inherited listener.
func serve(fd int, to string) error {
	listener, err := net.FileListener(os.NewFile(uintptr(fd), "listener"))
	if err != nil {
		return fmt.Errorf("failed to take over the listener: %w", err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			// Out of descriptors, most likely: connections that end will free some.
			fmt.Fprintf(os.Stderr, "failed to accept a connection: %v\n", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go forward(client, to)
	}
}

// forward joins one client to a connection of its own to the API server until both directions have ended.
func forward(client net.Conn, to string) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", to, dialTimeout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "failed to reach %s: %v\n", to, err)
		return
	}
	defer server.Close()
	done := make(chan struct{})
	go func() {
		pipe(server, client)
		close(done)
	}()
	pipe(client, server)
	<-done
}

// pipe copies one direction and then tells the receiving end that no more will come.
func pipe(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		// A broken direction cannot be half-closed cleanly: end both, so that neither side waits for ever.
		to.Close()
		from.Close()
		return
	}
	to.(*net.TCPConn).CloseWrite()
}
