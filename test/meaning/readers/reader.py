"""Reads archives with Python's tarfile and json, and prints what they take from each: see main.go for the form."""

import gzip
import hashlib
import json
import posixpath
import sys
import tarfile


class Refused(Exception):
    pass


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def plain(content):
    return gzip.decompress(content) if content[:3] == b"\x1f\x8b\x08" else content


def says(config):
    inner = config.get("config") or {}
    return {
        "user": inner.get("User") or "",
        "cmd": inner.get("Cmd") or [],
        "dir": inner.get("WorkingDir") or "",
        "labels": inner.get("Labels") or {},
        "os": config.get("os") or "",
        "arch": config.get("architecture") or "",
        "diffIDs": (config.get("rootfs") or {}).get("diff_ids") or [],
    }


def image(config, layers):
    taken = {"config": digest_of(config), "says": says(json.loads(config)), "layers": [digest_of(plain(l)) for l in layers]}
    if taken["layers"] != taken["says"]["diffIDs"]:
        raise Refused("the layers are not those of the config")
    return taken


def named(taken, names):
    return [{**taken, "name": name} for name in names or [""]]


def docker_archive(read):
    return [
        one
        for item in json.loads(read("manifest.json"))
        for one in named(image(read(item["Config"]), [read(l) for l in item["Layers"]]), item.get("RepoTags"))
    ]


def layout(read):
    if json.loads(read("oci-layout"))["imageLayoutVersion"] != "1.0.0":
        raise Refused("another version")

    def blob(descriptor):
        content = read("blobs/" + descriptor["digest"].replace(":", "/"))
        if digest_of(content) != descriptor["digest"] or len(content) != descriptor["size"]:
            raise Refused("a blob is not what its descriptor says")
        return content

    taken = []
    for entry in json.loads(read("index.json"))["manifests"]:
        manifest = json.loads(blob(entry))
        name = (entry.get("annotations") or {}).get("io.containerd.image.name")
        taken += named(image(blob(manifest["config"]), [blob(l) for l in manifest["layers"]]), name and [name])
    return taken


def reading(reader, path, images):
    try:
        with tarfile.open(path) as archive:
            members = {posixpath.normpath(member.name): member for member in archive.getmembers()}

            def read(name):
                member = members[name]
                file = archive.extractfile(member)
                if file is None:
                    raise Refused(name + " is no file")
                return file.read()

            return {"reader": reader, "images": images(read)}
    except Exception as error:  # whatever it is, nothing was taken
        return {"reader": reader, "refused": repr(error), "images": []}


for line in sys.stdin:
    place = line.rstrip("\n")
    print(
        json.dumps(
            [
                reading("docker-archive, in Python", place, docker_archive),
                reading("layout, in Python", place, layout),
            ]
        ),
        flush=True,
    )
