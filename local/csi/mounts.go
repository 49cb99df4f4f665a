// Mounts: the kernel alone remembers what is staged and published.
package main

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// mountedAt tells whether a volume is mounted at a path: whether the path's files are on the volume's loop device.
func mountedAt(img *image, path string) (bool, error) {
	device, err := findLoop(img.path)
	if err != nil || device == "" {
		return false, err
	}
	var at, loop unix.Stat_t
	if err := unix.Stat("/dev/"+device, &loop); err != nil {
		return false, fmt.Errorf("failed to inspect loop device: %w", err)
	}
	if err := unix.Stat(path, &at); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("failed to inspect mount: %w", err)
	}
	return at.Dev == loop.Rdev, nil
}

// unmount takes every mount off a path; none there is no error.
func unmount(path string) error {
	for {
		err := unix.Unmount(path, unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, fs.ErrNotExist) { // EINVAL: not a mount point
			return nil
		} else if err != nil {
			return fmt.Errorf("failed to unmount %s: %w; end what still uses it", path, err)
		}
	}
}
