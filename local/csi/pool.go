// The pool: a directory of image files, each with its metadata in a small JSON file beside it. The JSON file is
// written last and removed first, so that "the JSON file exists" means "the image is whole"; whatever a kill leaves
// without one is made again by the same call, or swept at the next start.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The two sorts of image; the values are directory names in the pool.
const (
	volumes   = "volumes"
	snapshots = "snapshots"
)

const (
	imageSuffix  = ".img"  // a whole image, if its metadata is there
	recordSuffix = ".json" // metadata
	partSuffix   = ".part" // anything being made
)

// idPattern is what may become a file name: 128 is CSI's longest name, and leaves room for the suffixes.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// atStep is called between any two steps that a kill could separate; only tests put anything here.
var atStep = func(step string) {}

// record is the metadata of an image. Its size is the image's own, so that growing is one atomic step.
type record struct {
	Name      string    `json:"name"`
	Source    string    `json:"source,omitempty"` // "volumes/<id>" or "snapshots/<id>"
	CreatedAt time.Time `json:"createdAt"`        // of a snapshot: the time of the cut
}

// image is a whole image in the pool.
type image struct {
	record
	id   string
	path string
	size int64
}

type pool struct {
	dir  string
	lock *os.File
}

// openPool checks the directory, takes it for this process alone and sweeps what a killed driver left half made.
func openPool(dir string) (*pool, error) {
	dir, err := filepath.EvalSymlinks(dir) // the kernel reports real paths of loop devices
	if err != nil {
		return nil, fmt.Errorf("failed to open pool: %w; make the directory, on XFS with reflink=1", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("failed to open pool: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("failed to open pool: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("failed to lock pool %s: %w; stop the other driver that uses it", dir, err)
	}
	p := &pool{dir: dir, lock: lock}
	if err := p.prepare(); err != nil {
		lock.Close()
		return nil, err
	}
	return p, nil
}

// prepare makes the directories, sweeps them and checks for reflinks.
func (p *pool) prepare() error {
	for _, kind := range []string{volumes, snapshots} {
		if err := os.MkdirAll(filepath.Join(p.dir, kind), 0o700); err != nil {
			return fmt.Errorf("failed to make pool directory: %w", err)
		}
		if err := p.sweep(kind); err != nil {
			return err
		}
	}
	return p.probeReflink()
}

// close gives the pool up to the next driver.
func (p *pool) close() { p.lock.Close() }

// probeReflink fails early where snapshots could never work.
func (p *pool) probeReflink() error {
	file, err := os.CreateTemp(p.dir, "probe*"+partSuffix)
	if err != nil {
		return fmt.Errorf("failed to write to pool: %w", err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := unix.IoctlFileClone(int(file.Fd()), int(p.lock.Fd())); err != nil {
		return fmt.Errorf("failed to clone a file in pool %s: %w; put the pool on XFS made with mkfs.xfs -m reflink=1", p.dir, err)
	}
	return nil
}

// sweep removes images without metadata and anything being made.
func (p *pool) sweep(kind string) error {
	entries, err := os.ReadDir(filepath.Join(p.dir, kind))
	if err != nil {
		return fmt.Errorf("failed to read pool: %w", err)
	}
	for _, entry := range entries {
		id, isImage := strings.CutSuffix(entry.Name(), imageSuffix)
		if isImage {
			if _, err := os.Stat(p.path(kind, id, recordSuffix)); err == nil || !errors.Is(err, fs.ErrNotExist) {
				continue
			}
		} else if !strings.HasSuffix(entry.Name(), partSuffix) {
			continue
		}
		if err := os.Remove(filepath.Join(p.dir, kind, entry.Name())); err != nil {
			return fmt.Errorf("failed to sweep pool: %w", err)
		}
	}
	return nil
}

// idFor makes the ID from the caller's name, so that the same call always finds the same image.
func idFor(name string) string {
	if idPattern.MatchString(name) {
		return name
	}
	return fmt.Sprintf("h-%x", sha256.Sum256([]byte(name)))
}

// path is the file of an ID; callers have checked the ID.
func (p *pool) path(kind, id, suffix string) string {
	return filepath.Join(p.dir, kind, id+suffix)
}

// load finds a whole image; fs.ErrNotExist if there is none.
func (p *pool) load(kind, id string) (*image, error) {
	if !idPattern.MatchString(id) {
		return nil, fs.ErrNotExist
	}
	data, err := os.ReadFile(p.path(kind, id, recordSuffix))
	if err != nil {
		return nil, err
	}
	img := &image{id: id, path: p.path(kind, id, imageSuffix)}
	if err := json.Unmarshal(data, &img.record); err != nil {
		return nil, fmt.Errorf("failed to read metadata of %s/%s: %w", kind, id, err)
	}
	info, err := os.Stat(img.path)
	if err != nil { // not wrapped: a lost image must not look like one that never was
		return nil, fmt.Errorf("failed to find image of %s/%s: %v; the pool is damaged", kind, id, err)
	}
	img.size = info.Size()
	return img, nil
}

// list gives every whole image, in the order of their IDs.
func (p *pool) list(kind string) ([]*image, error) {
	entries, err := os.ReadDir(filepath.Join(p.dir, kind))
	if err != nil {
		return nil, fmt.Errorf("failed to list pool: %w", err)
	}
	var images []*image
	for _, entry := range entries {
		id, ok := strings.CutSuffix(entry.Name(), recordSuffix)
		if !ok {
			continue
		}
		img, err := p.load(kind, id)
		if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile
			continue
		} else if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	return images, nil
}

// free is how many bytes the pool can still take.
func (p *pool) free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(p.dir, &st); err != nil {
		return 0, fmt.Errorf("failed to measure pool: %w", err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}
