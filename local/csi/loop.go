// Loop devices over images. The kernel is asked each time which device has an image, so that nothing is remembered
// that a restart could lose. A device is attached with autoclear: it detaches by itself with its last mount or when
// its opener dies, so a kill at any step leaves none behind.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// attachAttempts bounds the race with other users for the device that the kernel says is free.
const attachAttempts = 16

// findLoop gives the name of the loop device over an image, such as loop3; empty if there is none.
func findLoop(imagePath string) (string, error) {
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return "", fmt.Errorf("failed to list loop devices: %w", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) {
			continue // detached meanwhile
		} else if err != nil {
			return "", fmt.Errorf("failed to read loop device: %w", err)
		}
		if strings.TrimSuffix(string(data), "\n") == imagePath {
			return filepath.Base(filepath.Dir(filepath.Dir(file))), nil
		}
	}
	return "", nil
}

// openLoop opens the loop device over an image, attaching one if there is none. The caller keeps it open until it is
// mounted. Direct I/O, so that data is cached once, by the volume's file system, and not again for the image; the kernel falls back by
// itself where the pool cannot do it.
func openLoop(imagePath string) (*os.File, error) {
	device, err := findLoop(imagePath)
	if err != nil {
		return nil, err
	}
	if device != "" {
		dev, err := os.OpenFile("/dev/"+device, os.O_RDWR, 0)
		if err != nil {
			return nil, fmt.Errorf("failed to open loop device: %w", err)
		}
		return dev, nil
	}
	backing, err := os.OpenFile(imagePath, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("failed to open image: %w", err)
	}
	defer backing.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("failed to open loop control: %w; load the loop module and run as root", err)
	}
	defer control.Close()
	for range attachAttempts {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("failed to get a free loop device: %w", err)
		}
		dev, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, fmt.Errorf("failed to open loop device: %w; /dev must be a devtmpfs", err)
		}
		config := unix.LoopConfig{Fd: uint32(backing.Fd()), Size: sectorSize}
		config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR | unix.LO_FLAGS_DIRECT_IO
		err = unix.IoctlLoopConfigure(int(dev.Fd()), &config)
		if err == nil {
			return dev, nil
		}
		dev.Close()
		if !errors.Is(err, unix.EBUSY) {
			return nil, fmt.Errorf("failed to attach loop device: %w", err)
		}
	}
	return nil, fmt.Errorf("failed to attach loop device: all that were free were taken by others %d times; try again", attachAttempts)
}

// growLoop makes a loop device as long as its image has become.
func growLoop(device string) error {
	dev, err := os.OpenFile("/dev/"+device, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("failed to open loop device: %w", err)
	}
	defer dev.Close()
	if err := unix.IoctlSetInt(int(dev.Fd()), unix.LOOP_SET_CAPACITY, 0); err != nil {
		return fmt.Errorf("failed to grow loop device: %w", err)
	}
	return nil
}
