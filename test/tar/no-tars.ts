import { gzipSync } from 'node:zlib';
import { randomBytesFrom } from '../support/images.js';
import { makeTar } from '../support/tar-maker.js';

const RANDOM = randomBytesFrom('not a tar', 200_000);
export const SMALL = makeTar({ name: 'index.json', body: '{}\n' });
/** It contains bytes that no text has. */
export const LARGE = makeTar(
  { name: 'index.json', body: '{}\n' },
  { name: 'blob', body: RANDOM },
  { name: 'z', body: 'z' },
);
const GZIP = gzipSync(LARGE);

export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
export const followedByRandom = (start: string): Buffer =>
  Buffer.concat([latin1(start), RANDOM.subarray(0, 3000)]);
const utf16 = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);
const at = (position: number, bytes: string, size = position + 3000): Buffer => {
  const file = Buffer.alloc(size);
  file.write(bytes, position, 'latin1');
  return file;
};
const hex = (length: number): string => 'a1'.repeat(length / 2);
export const crlf = (bytes: Buffer): Buffer => latin1(bytes.toString('latin1').replaceAll('\n', '\r\n'));

/** Files with patterns for the message and the hint of the error. */
export const KINDS: [title: string, file: Buffer, told: RegExp, hint: RegExp, name?: string][] = [
  [
    'an HTML page',
    latin1('\n<!doctype HTML>\n<title>404 Not\nFound</title>'),
    /HTML page \("404 Not Found"\)/,
    /curl/,
  ],
  [
    'an XHTML page',
    latin1('<?xml version="1.0"?>\n<!-- x -->\n<html>\xe9</html>'),
    /HTML page/,
    /web server/,
  ],
  [
    'an error in XML',
    latin1('<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code><Message>Expired</Message></Error>'),
    /AccessDenied: Expired/,
    /login/,
  ],
  [
    'an error in JSON',
    latin1('{"errors":[{"code":"DENIED","message":"no pull access"}]}'),
    /error message from a server \(DENIED: no pull access\)/,
    /log in/,
  ],
  [
    'an error of another server',
    latin1('{"message":"Not Found","status":"404"}'),
    /404: Not Found/,
    /fetch the archive again/,
  ],
  ['docker inspect', latin1('[{"Id":"sha256:ab","RepoTags":["a:1"]}]'), /docker inspect/, /docker save -o/],
  [
    'a large docker inspect',
    latin1(`[\n  {\n    "Id": "sha256:ab", "Env": "${'x'.repeat(200_000)}"}]`),
    /docker inspect/,
    /wrong file/,
  ],
  [
    'a manifest',
    latin1('{"schemaVersion":2,"config":{},"layers":[]}'),
    /only the manifest of an image/,
    /layers are not in it/,
  ],
  [
    'an index',
    latin1('{"schemaVersion":2,"manifests":[]}'),
    /only the index of an image/,
    /layers are not in it/,
  ],
  [
    'a config',
    latin1('{"architecture":"arm64","os":"linux","config":{}}'),
    /only the config of an image/,
    /layers/,
  ],
  [
    'manifest.json',
    latin1('[{"Config":"a.json","Layers":[]}]'),
    /only the manifest\.json of a docker-archive/,
    /layers/,
  ],
  ['oci-layout', latin1('{"imageLayoutVersion":"1.0.0"}'), /oci-layout/, /folder/],
  ['an SBOM', latin1('{"bomFormat":"CycloneDX"}'), /an SBOM/, /^Save the image itself, as docker save -o/],
  [
    'a pointer of Git LFS',
    latin1(`version https://git-lfs.github.com/spec/v1\noid sha256:${hex(64)}\nsize 987\n`),
    /Git LFS pointer, in place of a file of 987 bytes/,
    /git lfs pull --include images\.tar/,
    'images.tar',
  ],
  [
    'a pointer of git-annex',
    latin1('../.git/annex/objects/Ab/Cd/SHA256E-s1--x.tar/x.tar'),
    /git-annex/,
    /git annex get/,
  ],
  ['a pointer of DVC', latin1(`outs:\n- md5: ${hex(32)}\n  path: x.tar\n`), /DVC/, /dvc pull/],
  [
    'checksums',
    latin1(`${hex(64)}  images.tar\n${hex(64)} *b.tar\n`),
    /checksums \(of images\.tar\)/,
    /sha256sum -c/,
  ],
  ['checksums that begin like cpio', latin1(`070701${hex(58)}  images.tar\n`), /checksums/, /sha256sum -c/],
  [
    'checksums of BSD',
    latin1(`SHA512 (images.tar) = ${hex(128)}\n`),
    /checksums \(of images\.tar\)/,
    /archive itself/,
  ],
  ['a digest', latin1(`sha256:${hex(64)}\n`), /checksums/, /archive itself/],
  ['a signature', latin1('-----BEGIN PGP SIGNATURE-----\n\nabc\n'), /a signature/, /signature of/],
  [
    'a certificate',
    latin1('-----BEGIN CERTIFICATE-----\nabc\n'),
    /PEM document \(CERTIFICATE\)/,
    /wrong file/,
  ],
  ['PGP in letters', latin1('-----BEGIN PGP MESSAGE-----\n\nabc\n'), /encrypted with PGP/, /gpg/],
  ['PGP to a key', followedByRandom('\x85\x02\x0c\x03'), /encrypted with PGP/, /gpg/],
  ['PGP by a passphrase', followedByRandom('\xc3\x0d\x04\x09'), /encrypted with PGP/, /gpg/],
  ['age', followedByRandom('age-encryption.org/v1\n-> X25519 abc\n'), /encrypted with age/, /age -d/],
  ['age in letters', latin1('-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n'), /encrypted with age/, /age -d/],
  ['openssl', followedByRandom('Salted__'), /encrypted with openssl/, /openssl enc -d/],
  [
    'base64',
    Buffer.from(SMALL.toString('base64').replace(/.{76}/g, '$&\n')),
    /archive in base64/,
    /base64 -d/,
  ],
  ['base64 of gzip', Buffer.from(GZIP.toString('base64')), /archive in base64/, /base64 -d/],
  ['hexadecimal digits', Buffer.from(SMALL.toString('hex')), /hexadecimal/, /xxd -r -p/],
  ['uuencode', latin1('begin 644 x.tar\nM\n'), /uuencode/, /uudecode/],
  [
    'an error of a command',
    latin1('Error response from daemon: No such image: a:1\n'),
    /"Error response from daemon: No such image: a:1"/,
    /run that command again/,
  ],
  ['a text', Buffer.from('Grüße aus der Ferne\n'.repeat(30)), /it is a text$/, /wrong file/],
  ['a script', latin1('#!/bin/sh\ntar xf "$0"\n'), /a script/, /wrong file/],
  ['a zip file', followedByRandom('PK\x03\x04'), /a zip file/, /unzip/],
  ['a 7z file', followedByRandom('7z\xbc\xaf\x27\x1c'), /a 7z file/, /7z x/],
  ['a rar file', followedByRandom('Rar!\x1a\x07\x00'), /a rar file/, /unrar x/],
  ['a PDF', followedByRandom('%PDF-1.7\n'), /a PDF document/, /wrong file/],
  ['a picture', followedByRandom('\x89PNG\r\n\x1a\n'), /a picture/, /wrong file/],
  ['an ELF program', followedByRandom('\x7fELF\x02\x01\x01'), /a program \(ELF\)/, /wrong file/],
  ['a program of Windows', followedByRandom('MZ\x90\0'), /a Windows program/, /wrong file/],
  ['an RPM package', followedByRandom('\xed\xab\xee\xdb\x03'), /a package \(RPM\)/, /rpm2cpio/],
  ['a deb package', followedByRandom('!<arch>\ndebian-binary   '), /a package \(deb\)/, /dpkg-deb -x/],
  ['cpio', followedByRandom(`070701${'0'.repeat(104)}`), /cpio/, /cpio -idm/],
  ['an ISO image', at(32_769, 'CD001'), /an ISO image/, /mount/],
  ['qcow2', at(0, 'QFI\xfb\0\0\0\x03'), /qcow2/, /mount/],
  ['VMDK', at(0, 'KDMV\x01'), /VMDK/, /mount/],
  ['VHDX', at(0, 'vhdxfile'), /VHDX/, /mount/],
  ['VDI', at(0, '<<< Oracle VM VirtualBox Disk Image >>>\n'), /VDI/, /mount/],
  ['ext4', at(1080, '\x53\xef'), /ext4/, /mount/],
  ['btrfs', at(65_600, '_BHRfS_M'), /btrfs/, /mount/],
  ['squashfs', followedByRandom('hsqs'), /squashfs/, /mount/],
  ['a disk with a boot sector', at(510, '\x55\xaa'), /whole disk/, /mount/],
  ['SIF', Buffer.concat([at(32, 'SIF_MAGIC', 128), latin1('x')]), /Singularity/, /deffile/],
  [
    'a tar in UTF-16',
    utf16(LARGE.toString('latin1').replaceAll('\n', '\r\n')),
    /archive that was recoded to UTF-16, as PowerShell/,
    /docker save -o/,
  ],
  [
    'a tar in UTF-16, big-endian',
    utf16(LARGE.toString('latin1')).swap16(),
    /archive that was recoded to UTF-16/,
    /docker save -o/,
  ],
  [
    'a tar in UTF-16 without a mark',
    utf16(SMALL.toString('latin1')).subarray(2),
    /archive that was recoded to UTF-16/,
    /docker save -o/,
  ],
  ['gzip in UTF-16', utf16(GZIP.toString('latin1')), /archive that was recoded to UTF-16/, /docker save -o/],
  ['a message in UTF-16', utf16('Error response from daemon\r\n'), /a text in UTF-16/, /docker save -o/],
  ['gzip in UTF-8', Buffer.from(GZIP.toString('latin1')), /recoded to UTF-8/, /docker save -o/],
  ['gzip with bytes replaced', Buffer.from(GZIP.toString('utf8')), /recoded to UTF-8/, /docker save -o/],
  [
    'a tar in UTF-8 with a mark',
    Buffer.from(`\ufeff${LARGE.toString('latin1')}`),
    /recoded to UTF-8/,
    /docker save -o/,
  ],
  [
    'headers in front of a tar',
    Buffer.concat([latin1('HTTP/1.1 200 OK\r\n\r\n'), LARGE]),
    /a tar with 19 bytes of text in front/,
    /tail -c \+20 /,
  ],
  [
    'a message in front of gzip',
    Buffer.concat([latin1('Warning: x\n'), GZIP]),
    /gzip with 11 bytes of text in front/,
    /tail -c \+12 /,
  ],
  [
    'the middle of a tar',
    LARGE.subarray(1024 + 512 * 3 + 7),
    /piece of an archive/,
    /cat PIECE/,
    'images.tar.part2',
  ],
  ['the end of a tar', LARGE.subarray(150_000), /beginning is missing/, /cat PIECE/],
  [
    'the middle of a blob',
    RANDOM.subarray(0, 70_000),
    /a piece of an archive by its name/,
    /cat PIECE/,
    'images.tar.gz.ab',
  ],
  ['nothing that is known', RANDOM.subarray(7, 5000), /is not a tar: the checksum/, /may say what it is/],
  ['the first bytes of a tar', SMALL.subarray(0, 300), /cut short in a header/, /end of the file is missing/],
];
