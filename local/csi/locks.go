// Locks by name: two calls about the same volume or snapshot never run at once, whatever a sidecar retries.
package main

import (
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// locks is the set of names that calls hold.
type locks struct {
	mu   sync.Mutex
	held map[string]bool
}

// lock takes all names or none. A held one gives ABORTED, on which CSI has the caller try again later; waiting here
// instead would pile calls up behind a slow one.
func (l *locks) lock(names ...string) (unlock func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		if l.held[name] {
			return nil, status.Errorf(codes.Aborted, "failed to lock %s: another call about it is under way; call again", name)
		}
	}
	for _, name := range names {
		l.held[name] = true
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, name := range names {
			delete(l.held, name)
		}
	}, nil
}
