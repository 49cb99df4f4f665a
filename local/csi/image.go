// Making, growing and removing images. Each is made under a name of its own and renamed when whole, so that even a
// formatter that outlives a killed driver cannot touch the image that the next call makes.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// create fills a new image and then commits its metadata.
func (p *pool) create(kind, id string, rec record, fill func(file *os.File, rec *record) error) (*image, error) {
	file, err := os.CreateTemp(filepath.Join(p.dir, kind), id+".*"+partSuffix)
	if err != nil {
		return nil, fmt.Errorf("failed to make image: %w", err)
	}
	defer file.Close()
	defer os.Remove(file.Name()) // does nothing once renamed
	rec.CreatedAt = time.Now().UTC()
	if err := fill(file, &rec); err != nil {
		return nil, err
	}
	atStep("image-filled")
	if err := file.Sync(); err != nil {
		return nil, fmt.Errorf("failed to flush image: %w", err)
	}
	if err := os.Rename(file.Name(), p.path(kind, id, imageSuffix)); err != nil {
		return nil, fmt.Errorf("failed to name image: %w", err)
	}
	atStep("image-named")
	if err := p.commit(kind, id, rec); err != nil {
		return nil, err
	}
	atStep("metadata-written")
	return p.load(kind, id)
}

// commit writes the metadata that makes the image exist; its directory flush covers the image's name too.
func (p *pool) commit(kind, id string, rec record) error {
	data, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("failed to encode metadata: %w", err)
	}
	file, err := os.CreateTemp(filepath.Join(p.dir, kind), id+".*"+partSuffix)
	if err != nil {
		return fmt.Errorf("failed to make metadata: %w", err)
	}
	defer file.Close()
	defer os.Remove(file.Name())
	if _, err := file.Write(data); err != nil {
		return fmt.Errorf("failed to write metadata: %w", err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("failed to flush metadata: %w", err)
	}
	atStep("metadata-flushed")
	if err := os.Rename(file.Name(), p.path(kind, id, recordSuffix)); err != nil {
		return fmt.Errorf("failed to name metadata: %w", err)
	}
	return syncDir(filepath.Join(p.dir, kind))
}

// remove deletes metadata first, image second; what is already gone is no error.
func (p *pool) remove(kind, id string) error {
	if !idPattern.MatchString(id) {
		return nil // no image ever had such an ID
	}
	for _, suffix := range []string{recordSuffix, imageSuffix} {
		if err := os.Remove(p.path(kind, id, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("failed to remove image: %w", err)
		}
		if err := syncDir(filepath.Join(p.dir, kind)); err != nil {
			return err
		}
		atStep("removed" + suffix)
	}
	return nil
}

// grow lengthens an image in one step, never shortens it.
func (img *image) grow(size int64) error {
	if size <= img.size {
		return nil
	}
	file, err := os.OpenFile(img.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("failed to open image: %w", err)
	}
	defer file.Close()
	if err := file.Truncate(size); err != nil {
		return fmt.Errorf("failed to grow image: %w", err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("failed to flush image: %w", err)
	}
	img.size = size
	return nil
}

// sectorSize is that of every loop device, and so of every file system inside: a pool's reflinked files take direct
// I/O only in whole blocks of the pool, and a device of smaller sectors would change its size once it is cloned.
const sectorSize = 4096

// format makes an empty XFS of the whole size. XFS and not ext4, because ext4 lets only CAP_SYS_RESOURCE grow it while
// mounted, which machines for development and CI often withhold even from root. Without reflink inside, so that nothing
// comes to rely on what the usual file system of a cloud disk has not.
func format(file *os.File, size int64) error {
	if err := file.Truncate(size); err != nil {
		return fmt.Errorf("failed to size image: %w", err)
	}
	return command("mkfs.xfs", "-q", "-f", "-K", "-m", "reflink=0", "-s", fmt.Sprintf("size=%d", sectorSize), file.Name())
}

// cut makes file share every block of the source at one instant (FICLONE), as a cloud disk's snapshot does.
//
// It does not freeze the source's file system: a cloud disk snapshot does not either, and recovers by the journal at
// the next mount. What a cloud disk holds at the cut is every write that the guest has flushed. Here that is what
// the volume's XFS has handed to the loop device; some of it may be dirty in the page cache of the image file, so the image is
// flushed first: the clone itself then has little left to write while it holds up the writers. FICLONE takes the
// file's lock and waits for I/O in flight, so no write is half in it, and no write is in it without those that were
// flushed before.
//
// The time given back is from just before the cut: everything that was durable at that time is in it.
func cut(file *os.File, source string) (time.Time, error) {
	from, err := os.OpenFile(source, os.O_RDWR, 0)
	if err != nil {
		return time.Time{}, fmt.Errorf("failed to open source image: %w", err)
	}
	defer from.Close()
	if err := from.Sync(); err != nil {
		return time.Time{}, fmt.Errorf("failed to flush source image: %w", err)
	}
	at := time.Now().UTC()
	if err := unix.IoctlFileClone(int(file.Fd()), int(from.Fd())); err != nil {
		return time.Time{}, fmt.Errorf("failed to clone source image: %w", err)
	}
	return at, nil
}

// syncDir makes renames and removals in a directory durable.
func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("failed to open directory: %w", err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil {
		return fmt.Errorf("failed to flush directory: %w", err)
	}
	return nil
}

// command runs a system tool; its own words go into the error.
func command(name string, args ...string) error {
	output, err := exec.Command(name, args...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("failed to run %s: %w; install xfsprogs and util-linux", name, err)
	} else if err != nil {
		return fmt.Errorf("failed to run %s: %w: %s", name, err, strconv.Quote(string(bytes.TrimSpace(output))))
	}
	return nil
}
