// Reads archives as programs in Go do, with archive/tar, compress/gzip and encoding/json, and prints what it takes from
// each. A line of standard input is the path of an archive; a line of standard output is a JSON list of readings.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Image is what a name stands for: the digest of its config, what the config says, and the digests of its layers,
// decompressed.
type Image struct {
	Name   string   `json:"name"`
	Config string   `json:"config"`
	Says   Says     `json:"says"`
	Layers []string `json:"layers"`
}

// Says is what a config says that decides what runs.
type Says struct {
	User    string            `json:"user"`
	Cmd     []string          `json:"cmd"`
	Dir     string            `json:"dir"`
	Labels  map[string]string `json:"labels"`
	OS      string            `json:"os"`
	Arch    string            `json:"arch"`
	DiffIDs []string          `json:"diffIDs"`
}

// Reading is what one reader takes from an archive, or why it refuses it.
type Reading struct {
	Reader  string  `json:"reader"`
	Refused string  `json:"refused,omitempty"`
	Images  []Image `json:"images"`
}

type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	Manifests     []descriptor `json:"manifests"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type config struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Config       *struct {
		User       string            `json:"User,omitempty"`
		Cmd        []string          `json:"Cmd,omitempty"`
		WorkingDir string            `json:"WorkingDir,omitempty"`
		Labels     map[string]string `json:"Labels,omitempty"`
	} `json:"config,omitempty"`
	RootFS *struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs,omitempty"`
}

// files gives the content of an archive by name.
type files func(name string) ([]byte, error)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		content, err := os.ReadFile(lines.Text())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		readings := []Reading{
			read("docker load, as dockerd extracts", content, dockerArchive, extracted),
			read("docker load without manifest.json", content, legacyArchive, extracted),
			read("layout, as skopeo and podman extract", content, layoutByTag, extracted),
			read("import, as containerd streams", content, containerdImport, streamed),
			read("docker-archive, as skopeo looks names up", content, dockerArchive, firstNamed),
		}
		line, err := json.Marshal(readings)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(string(line))
	}
}

func read(reader string, content []byte, images func(files) ([]Image, error), open func([]byte) (files, error)) Reading {
	plain, err := decompressed(content)
	if err == nil {
		var from files
		if from, err = open(plain); err == nil {
			var found []Image
			if found, err = images(from); err == nil {
				return Reading{Reader: reader, Images: found}
			}
		}
	}
	return Reading{Reader: reader, Refused: err.Error(), Images: []Image{}}
}

// decompressed looks at the magic number before anything else, as all of these programs do.
func decompressed(content []byte) ([]byte, error) {
	if !bytes.HasPrefix(content, []byte{0x1f, 0x8b, 0x08}) {
		return content, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// node is a file of an extracted archive.
type node struct {
	kind   byte
	body   []byte
	target string
}

// tree is an extracted archive, whose links are followed within its root.
type tree map[string]*node

// resolve follows the links of all folders on the way, and of the file itself where that is wanted.
func (t tree) resolve(name string, last bool) (string, error) {
	done := "/"
	rest := strings.Split(strings.Trim(path.Clean("/"+name), "/"), "/")
	for hops := 0; len(rest) > 0; {
		step := rest[0]
		rest = rest[1:]
		if step == "" || step == "." {
			continue
		}
		if step == ".." {
			done = path.Dir(done)
			continue
		}
		next := path.Join(done, step)
		entry := t[next]
		if entry != nil && entry.kind == tar.TypeSymlink && (last || len(rest) > 0) {
			if hops++; hops > 40 {
				return "", errors.New("too many links")
			}
			if strings.HasPrefix(entry.target, "/") {
				done = "/"
			}
			rest = append(strings.Split(entry.target, "/"), rest...)
			continue
		}
		done = next
	}
	return done, nil
}

// extracted unpacks an archive as Docker and containers/storage do: what comes later replaces what was there.
func extracted(content []byte) (files, error) {
	t := tree{}
	reader := tar.NewReader(bytes.NewReader(content))
	for {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		name := path.Clean("/" + header.Name)
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		parent, err := t.resolve(path.Dir(name), true)
		if err != nil {
			return nil, err
		}
		place := path.Join(parent, path.Base(name))
		if there := t[place]; there != nil && !(there.kind == tar.TypeDir && header.Typeflag == tar.TypeDir) {
			for other := range t {
				if other == place || strings.HasPrefix(other, place+"/") {
					delete(t, other)
				}
			}
		}
		switch header.Typeflag {
		case tar.TypeReg, tar.TypeRegA:
			body, err := io.ReadAll(reader)
			if err != nil {
				return nil, err
			}
			t[place] = &node{kind: tar.TypeReg, body: body}
		case tar.TypeDir:
			if place != "/" && t[place] == nil {
				t[place] = &node{kind: tar.TypeDir}
			}
		case tar.TypeLink:
			from, err := t.resolve(header.Linkname, false)
			if err != nil {
				return nil, err
			}
			if t[from] == nil {
				return nil, fmt.Errorf("link to %s, which is not there", header.Linkname)
			}
			t[place] = t[from]
		case tar.TypeSymlink:
			t[place] = &node{kind: tar.TypeSymlink, target: header.Linkname}
		}
	}
	return func(name string) ([]byte, error) {
		place, err := t.resolve(name, true)
		if err != nil {
			return nil, err
		}
		if entry := t[place]; entry != nil && entry.kind == tar.TypeReg {
			return entry.body, nil
		}
		return nil, fmt.Errorf("%s: %w", name, os.ErrNotExist)
	}, nil
}

// streamed keeps the files of an archive by their cleaned names; the last one of a name counts.
func streamed(content []byte) (files, error) {
	bodies := map[string][]byte{}
	links := map[string]string{}
	reader := tar.NewReader(bytes.NewReader(content))
	for {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		name := path.Clean(header.Name)
		switch header.Typeflag {
		case tar.TypeSymlink:
			links[name] = path.Join(path.Dir(name), header.Linkname)
		case tar.TypeReg, tar.TypeRegA:
			body, err := io.ReadAll(reader)
			if err != nil {
				return nil, err
			}
			bodies[name] = body
		}
	}
	return func(name string) ([]byte, error) {
		if target, linked := links[name]; linked {
			name = target
		}
		if body, there := bodies[name]; there {
			return body, nil
		}
		return nil, fmt.Errorf("%s: %w", name, os.ErrNotExist)
	}, nil
}

// firstNamed looks for the first entry of exactly this name, and follows one link.
func firstNamed(content []byte) (files, error) {
	find := func(name string) (*tar.Header, []byte, error) {
		reader := tar.NewReader(bytes.NewReader(content))
		for {
			header, err := reader.Next()
			if err == io.EOF {
				return nil, nil, fmt.Errorf("%s: %w", name, os.ErrNotExist)
			}
			if err != nil {
				return nil, nil, err
			}
			if path.Clean(header.Name) == name {
				body, err := io.ReadAll(reader)
				return header, body, err
			}
		}
	}
	return func(name string) ([]byte, error) {
		header, body, err := find(name)
		if err != nil {
			return nil, err
		}
		if header.FileInfo().Mode()&os.ModeType == os.ModeSymlink {
			if header, body, err = find(path.Join(path.Dir(name), header.Linkname)); err != nil {
				return nil, err
			}
		}
		if !header.FileInfo().Mode().IsRegular() {
			return nil, fmt.Errorf("%s is no file", name)
		}
		return body, nil
	}, nil
}

func dockerArchive(from files) ([]Image, error) {
	text, err := from("manifest.json")
	if err != nil {
		return nil, err
	}
	var items []dockerImage
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&items); err != nil {
		return nil, err
	}
	images := []Image{}
	for _, item := range items {
		configText, err := from(item.Config)
		if err != nil {
			return nil, err
		}
		image, err := imageOf(configText)
		if err != nil {
			return nil, err
		}
		for _, layer := range item.Layers {
			body, err := from(layer)
			if err != nil {
				return nil, err
			}
			if err := addLayer(&image, body); err != nil {
				return nil, err
			}
		}
		if err := checkLayers(image); err != nil {
			return nil, err
		}
		images = append(images, named(image, item.RepoTags)...)
	}
	return images, nil
}

// legacyArchive is what Docker before 1.10 reads, and later ones where there is no manifest.json. Which layers an image
// has is in files that the archives of these tests lack, so only the names count: each stands for its top layer.
func legacyArchive(from files) ([]Image, error) {
	if _, err := from("manifest.json"); err == nil {
		return nil, errors.New("manifest.json is read instead")
	}
	text, err := from("repositories")
	if err != nil {
		return nil, err
	}
	repositories := map[string]map[string]string{}
	if err := json.Unmarshal(text, &repositories); err != nil {
		return nil, err
	}
	return nil, errors.New("images of Docker before 1.10 have files of their own")
}

func layoutByTag(from files) ([]Image, error) {
	if err := checkVersion(from); err != nil {
		return nil, err
	}
	return layout(from, func(d descriptor) []string {
		if name, there := d.Annotations["org.opencontainers.image.ref.name"]; there {
			return []string{"ref:" + name}
		}
		return nil
	})
}

func containerdImport(from files) ([]Image, error) {
	if err := checkVersion(from); errors.Is(err, os.ErrNotExist) {
		return dockerArchive(from)
	} else if err != nil {
		return nil, err
	}
	return layout(from, func(d descriptor) []string {
		if name, there := d.Annotations["io.containerd.image.name"]; there {
			return []string{name}
		}
		return nil
	})
}

func checkVersion(from files) error {
	text, err := from("oci-layout")
	if err != nil {
		return err
	}
	var version struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return err
	}
	if version.Version != "1.0.0" {
		return fmt.Errorf("layout of version %q", version.Version)
	}
	return nil
}

func layout(from files, namesOf func(descriptor) []string) ([]Image, error) {
	text, err := from("index.json")
	if err != nil {
		return nil, err
	}
	var list index
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	images := []Image{}
	for _, entry := range list.Manifests {
		body, err := blob(from, entry)
		if err != nil {
			return nil, err
		}
		var document manifest
		if err := json.Unmarshal(body, &document); err != nil {
			return nil, err
		}
		configText, err := blob(from, document.Config)
		if err != nil {
			return nil, err
		}
		image, err := imageOf(configText)
		if err != nil {
			return nil, err
		}
		for _, layer := range document.Layers {
			body, err := blob(from, layer)
			if err != nil {
				return nil, err
			}
			if err := addLayer(&image, body); err != nil {
				return nil, err
			}
		}
		if err := checkLayers(image); err != nil {
			return nil, err
		}
		images = append(images, named(image, namesOf(entry))...)
	}
	return images, nil
}

func blob(from files, d descriptor) ([]byte, error) {
	encoded, isSHA256 := strings.CutPrefix(d.Digest, "sha256:")
	if !isSHA256 {
		return nil, fmt.Errorf("digest %q", d.Digest)
	}
	body, err := from("blobs/sha256/" + encoded)
	if err != nil {
		return nil, err
	}
	if int64(len(body)) != d.Size || digestOf(body) != d.Digest {
		return nil, fmt.Errorf("blob %s is not what its descriptor says", d.Digest)
	}
	return body, nil
}

func imageOf(text []byte) (Image, error) {
	var document config
	if err := json.Unmarshal(text, &document); err != nil {
		return Image{}, err
	}
	image := Image{Config: digestOf(text), Layers: []string{}, Says: Says{
		OS: document.OS, Arch: document.Architecture, Cmd: []string{}, Labels: map[string]string{}, DiffIDs: []string{},
	}}
	if document.Config != nil {
		image.Says.User, image.Says.Dir = document.Config.User, document.Config.WorkingDir
		if document.Config.Cmd != nil {
			image.Says.Cmd = document.Config.Cmd
		}
		if document.Config.Labels != nil {
			image.Says.Labels = document.Config.Labels
		}
	}
	if document.RootFS != nil && document.RootFS.DiffIDs != nil {
		image.Says.DiffIDs = document.RootFS.DiffIDs
	}
	return image, nil
}

func addLayer(image *Image, body []byte) error {
	plain, err := decompressed(body)
	if err != nil {
		return err
	}
	image.Layers = append(image.Layers, digestOf(plain))
	return nil
}

// checkLayers holds the layers against their diffIDs, as engines do when they unpack them.
func checkLayers(image Image) error {
	if strings.Join(image.Layers, " ") != strings.Join(image.Says.DiffIDs, " ") {
		return errors.New("the layers are not those of the config")
	}
	return nil
}

func named(image Image, names []string) []Image {
	if len(names) == 0 {
		return []Image{image}
	}
	images := []Image{}
	for _, name := range names {
		image.Name = name
		images = append(images, image)
	}
	return images
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
