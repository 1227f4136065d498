import { NOT_MEANT, type Recognised, type Sample } from './recognised.js';

/**
 * Bytes at an offset (`at`, default 0) that identify a format. If there is a `pattern`, the file's beginning must match
 * it.
 */
interface Magic {
  at?: number;
  bytes: Buffer | readonly Buffer[];
  pattern?: RegExp;
}

interface Format extends Magic {
  is: string;
  hint: (sample: Sample) => string;
  isUnsupported?: true;
}

/** The number of first bytes that contain the magic of all formats: that of btrfs comes after 64 KiB. */
export const FORMAT_SAMPLE_BYTES = 65_536 + 64 + 8;

const DISK = ({ path }: Sample): string =>
  `A disk image is not a container image. If there is an archive on it, mount the disk or unpack it (7z x ${path}), and name that archive.`;

function compressed(tool: string, magic: string | Buffer, command = tool): Format {
  return {
    is: `compressed with ${tool}, which lading does not read`,
    bytes: typeof magic === 'string' ? Buffer.from(magic, 'latin1') : magic,
    hint: ({ path }) => `Decompress it first: ${command} -d < ${path} > images.tar`,
    isUnsupported: true,
  };
}

function disk(is: string, magic: string, at = 0): Format {
  return { is, at, bytes: Buffer.from(magic, 'latin1'), hint: DISK };
}

function file(is: string, ...magics: string[]): Format {
  return { is, bytes: magics.map((magic) => Buffer.from(magic, 'latin1')), hint: () => NOT_MEANT };
}

/** Sorted: more specific and more reliable formats come first. */
const FORMATS: readonly Format[] = [
  {
    is: 'a zip file',
    bytes: [Buffer.from('PK\x03\x04'), Buffer.from('PK\x05\x06'), Buffer.from('PK\x07\x08')],
    hint: ({ path }) =>
      `Unpack it: unzip ${path} -d FOLDER. Then name the archive in FOLDER, or FOLDER itself if it has an index.json.`,
  },
  {
    is: 'a 7z file',
    bytes: Buffer.from('7z\xbc\xaf\x27\x1c', 'latin1'),
    hint: ({ path }) => `Unpack it, and name what was in it: 7z x ${path}`,
  },
  {
    is: 'a rar file',
    bytes: Buffer.from('Rar!\x1a\x07', 'latin1'),
    hint: ({ path }) => `Unpack it, and name what was in it: unrar x ${path}`,
  },
  {
    is: 'a Windows cabinet file',
    bytes: Buffer.from('MSCF\0\0\0\0', 'latin1'),
    hint: ({ path }) => `Unpack it, and name what was in it: 7z x ${path}`,
  },
  compressed('lz4', Buffer.from([0x04, 0x22, 0x4d, 0x18])),
  compressed('lz4', Buffer.from([0x02, 0x21, 0x4c, 0x18])),
  compressed('lzip', 'LZIP'),
  compressed('lzop', '\x89LZO\0\r\n\x1a\n'),
  compressed('compress', '\x1f\x9d', 'gzip'),
  compressed('snappy', '\xff\x06\0\0sNaPpY', 'snzip'),
  compressed('lzma', Buffer.from([0x5d, 0x00, 0x00]), 'xz --format=lzma'),
  {
    is: 'a Singularity (Apptainer) image',
    at: 32,
    bytes: Buffer.from('SIF_MAGIC'),
    hint: ({ path }) =>
      `lading reads archives of Docker and OCI. Save the image that this one was built from; apptainer inspect --deffile ${path} may name it.`,
  },
  disk('an ISO image', 'CD001', 32_769),
  disk('a disk image (qcow2)', 'QFI\xfb'),
  disk('a disk image (VMDK)', 'KDMV'),
  disk('a disk image (VMDK)', '# Disk DescriptorFile'),
  disk('a disk image (VHDX)', 'vhdxfile'),
  disk('a disk image (VHD)', 'conectix'),
  disk('a disk image (VDI)', '<<< Oracle VM VirtualBox'),
  disk('a disk image (VDI)', '\x7f\x10\xda\xbe', 64),
  disk('a file system (squashfs)', 'hsqs'),
  disk('a file system (squashfs)', 'sqsh'),
  disk('a file system (EROFS)', '\xe2\xe1\xf5\xe0', 1024),
  disk('a file system (ext2, ext3 or ext4)', '\x53\xef', 1024 + 56),
  disk('a file system (XFS)', 'XFSB'),
  disk('a file system (btrfs)', '_BHRfS_M', 65_536 + 64),
  disk('an encrypted disk (LUKS)', 'LUKS\xba\xbe'),
  disk('the image of a whole disk', 'EFI PART', 512),
  disk('the image of a whole disk', '\x55\xaa', 510),
  {
    is: 'a package (RPM)',
    bytes: Buffer.from('\xed\xab\xee\xdb', 'latin1'),
    hint: ({ path }) =>
      `If the package contains an image archive, unpack it (rpm2cpio ${path} | cpio -idm), and name that archive.`,
  },
  {
    is: 'a package (deb)',
    bytes: Buffer.from('!<arch>\ndebian-binary'),
    hint: ({ path }) =>
      `If the package contains an image archive, unpack it (dpkg-deb -x ${path} FOLDER), and name that archive.`,
  },
  file('an archive of object files (ar)', '!<arch>\n'),
  {
    is: 'a cpio archive',
    bytes: [Buffer.from('07070'), Buffer.from([0xc7, 0x71])],
    // The magic alone could be the beginning of a list of checksums.
    pattern: /^(?:07070[12][0-9a-f]{104}|070707[0-7]{70}|\xc7\x71)/i,
    hint: ({ path }) => `Unpack it, and name what was in it: cpio -idm < ${path}`,
  },
  {
    is: 'encrypted with age',
    bytes: Buffer.from('age-encryption.org/'),
    hint: ({ path }) => `Decrypt it first: age -d -o images.tar ${path}`,
  },
  {
    is: 'encrypted with openssl',
    bytes: Buffer.from('Salted__'),
    hint: ({ path }) =>
      `Decrypt it first, with the same cipher as for encryption: openssl enc -d -in ${path} -out images.tar …`,
  },
  file('a PDF document', '%PDF-'),
  file('a picture', '\x89PNG\r\n', 'GIF8', '\xff\xd8\xff'),
  file('a program (ELF)', '\x7fELF'),
  file('a program (Mach-O)', '\xcf\xfa\xed\xfe', '\xce\xfa\xed\xfe', '\xca\xfe\xba\xbe'),
  file('a Windows program', 'MZ'),
  file('a program (WebAssembly)', '\0asm'),
  file('a database (SQLite)', 'SQLite format 3\0'),
  file('a Microsoft Office document', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'),
  file('a Git bundle', '# v2 git bundle', '# v3 git bundle'),
  file('a Git pack', 'PACK\0\0\0'),
  file('a macOS archive (xar)', 'xar!'),
];

/** Recognises a file by the magic of its format. */
export function recogniseFormat(sample: Sample): Recognised | undefined {
  const format = FORMATS.find((candidate) => hasMagic(sample.start, candidate));
  if (format !== undefined)
    return {
      is: format.is,
      hint: format.hint(sample),
      ...(format.isUnsupported && { isUnsupported: true }),
    };
  return isOpenPGP(sample.start)
    ? { is: 'encrypted with PGP', hint: `Decrypt it first: gpg -o images.tar -d ${sample.path}` }
    : undefined;
}

function hasMagic(start: Buffer, { at = 0, bytes, pattern }: Magic): boolean {
  const all = Buffer.isBuffer(bytes) ? [bytes] : bytes;
  return (
    all.some((magic) => start.subarray(at, at + magic.length).equals(magic)) &&
    (pattern === undefined || pattern.test(start.toString('latin1', 0, 128)))
  );
}

/**
 * True if this is the beginning of a message encrypted to a key or with a passphrase, by the type and the version of
 * its first packet. (RFC 9580, 4.2, 5.1, 5.3)
 */
function isOpenPGP(start: Buffer): boolean {
  const [tag = 0, length = 0] = start;
  const isToKey = tag === 0xc1 || tag === 0x84 || tag === 0x85;
  const isByPassphrase = tag === 0xc3 || tag === 0x8c;
  if (!isToKey && !isByPassphrase) return false;
  // The length takes one or two bytes in old packets, one to five in new ones.
  const version = tag === 0x85 || (tag > 0xc0 && length >= 192) ? start[3] : start[2];
  return isToKey ? version === 3 || version === 6 : version !== undefined && version >= 4 && version <= 6;
}
