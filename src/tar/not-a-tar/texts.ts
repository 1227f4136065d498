import { detectCompression, MAGIC_LENGTH } from '../../content/compression.js';
import { isTarStart, TAR_START_LENGTH } from '../../content/tar-start.js';
import { recogniseJSON } from './json-texts.js';
import { NOT_MEANT, nameOf, type Recognised, type Sample, shellWord, shortened } from './recognised.js';

/** In files larger than this, lines are not searched for an error message. */
const WHOLE_TEXT_BYTES = 64 * 1024;

/** Recognises a text file by its beginning, and a small one by all of its text. */
export function recogniseText(sample: Sample): Recognised | undefined {
  const markup = recogniseMarkup(sample.start.toString('utf8'));
  if (markup !== undefined) return markup;
  const text = textIn(sample);
  if (text === undefined) return undefined;
  return (
    recognisePointer(text, sample) ??
    recogniseArmor(text, sample) ??
    recogniseChecksums(text, sample) ??
    recogniseEncoded(text, sample) ??
    recogniseJSONText(text, sample) ??
    plainText(text, sample)
  );
}

/** Returns the text at the beginning of a file, or undefined if it is not UTF-8 or has control characters. */
function textIn({ start, size }: Sample): string | undefined {
  try {
    // If the file is longer than the sample, the last character may be cut.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(start, { stream: size > start.length });
    return CONTROL.test(text) ? undefined : text;
  } catch {
    return undefined; // not UTF-8
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it finds control characters
const CONTROL = /[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]/;

function recogniseMarkup(text: string): Recognised | undefined {
  const begin = text.replace(/^\ufeff/, '').trimStart();
  if (/^(?:<!doctype\s{1,20}html|<html|<head|<body|<script)\b/i.test(withoutPrologue(begin))) {
    const [, title] =
      /<title[^<>]{0,200}>([^<]{1,200})/i.exec(text) ?? /<h1[^<>]{0,200}>([^<]{1,200})/i.exec(text) ?? [];
    return {
      is: title === undefined ? 'an HTML page' : `an HTML page ("${shortened(title)}")`,
      hint: 'A web server sent a page instead of the archive, perhaps a login or an error. Read it in a browser, and download the archive itself; with curl, -fL stops at errors and follows redirects.',
    };
  }
  if (!/^(?:<\?xml\b|<Error>)/.test(begin)) return undefined;
  const [, code] = /<Code>([^<]{1,100})<\/Code>/.exec(text) ?? [];
  const [, message] = /<Message>([^<]{1,200})<\/Message>/.exec(text) ?? [];
  if (code === undefined) return { is: 'an XML document', hint: NOT_MEANT };
  return {
    is: `an error message from a server (${shortened([code, message].join(': '))})`,
    hint: 'A server sent this instead of the archive: fetch the archive again, with a valid link or login.',
  };
}

/**
 * Returns the text behind XML declarations and comments. A regular expression for that would try every way to divide comments
 * that follow each other, which takes minutes for 280 bytes.
 */
function withoutPrologue(text: string): string {
  let rest = text;
  for (;;) {
    const [begin, end] = rest.startsWith('<!--') ? ['<!--', '-->'] : ['<?xml', '>'];
    const last = rest.startsWith(begin) ? rest.indexOf(end, begin.length) : -1;
    if (last < 0) return rest;
    rest = rest.slice(last + end.length).trimStart();
  }
}

/** Recognises a pointer: a few lines in place of a large file that is stored elsewhere. */
function recognisePointer(text: string, sample: Sample): Recognised | undefined {
  if (
    text.startsWith('version https://git-lfs.github.com/spec/') ||
    text.startsWith('version https://hawser')
  ) {
    const [, size] = /^size (\d{1,20})$/m.exec(text) ?? [];
    return {
      is: `a Git LFS pointer${size === undefined ? '' : `, in place of a file of ${size} bytes`}`,
      hint: `Fetch the file itself, in its repository: git lfs pull --include ${shellWord(nameOf(sample))}`,
    };
  }
  if (/^(?:\.\.\/)*(?:\.git)?\/annex\/objects\//.test(text))
    return {
      is: 'a git-annex pointer, in place of the file itself',
      hint: `Fetch the file itself, in its repository: git annex get ${sample.path}`,
    };
  if (/^(?:outs|deps):\n- (?:md5|hash):/.test(text))
    return {
      is: 'a DVC pointer, in place of the file itself',
      hint: `Fetch the file itself: dvc pull ${sample.path}`,
    };
  return undefined;
}

function recogniseArmor(text: string, { path }: Sample): Recognised | undefined {
  const [, label = ''] = /^\s*-----BEGIN ([A-Z0-9 ]{1,60})-----/.exec(text) ?? [];
  if (label === '') return undefined;
  if (label === 'PGP MESSAGE')
    return { is: 'encrypted with PGP', hint: `Decrypt it first: gpg -o images.tar -d ${path}` };
  if (label === 'AGE ENCRYPTED FILE')
    return { is: 'encrypted with age', hint: `Decrypt it first: age -d -o images.tar ${path}` };
  if (label.endsWith('SIGNATURE'))
    return { is: 'a signature of another file', hint: 'Name the file that it is a signature of.' };
  if (label.endsWith('PRIVATE KEY')) return { is: 'a private key', hint: NOT_MEANT };
  return { is: `a PEM document (${label})`, hint: NOT_MEANT };
}

/** Recognises the output of sha256sum and similar programs, also in the format of BSD. */
function recogniseChecksums(text: string, { path }: Sample): Recognised | undefined {
  const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  const [first = ''] = lines;
  const pattern =
    /^\\?(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})(?: [ *](.{1,200}))?$|^[A-Z0-9/-]{2,12} ?\((.{1,200})\) ?= ?[0-9a-f]{32,128}$|^sha(?:256|512):[0-9a-f]{64,128}$/i;
  if (lines.length === 0 || !lines.every((line) => pattern.test(line))) return undefined;
  const [, gnu, bsd] = pattern.exec(first) ?? [];
  const name = gnu ?? bsd;
  return {
    is: `a list of checksums${name === undefined ? '' : ` (of ${shortened(name)})`}`,
    hint: `Name the archive itself.${name === undefined ? '' : ` To check it: sha256sum -c ${path}`}`,
  };
}

/** Recognises an archive that was encoded as text, for example for a mail. */
function recogniseEncoded(text: string, { path }: Sample): Recognised | undefined {
  const begin = text.slice(0, 4096).replace(/\s+/g, '');
  if (/^[0-9a-f]{64,}$/i.test(begin) && isArchive(Buffer.from(begin.slice(0, begin.length & ~1), 'hex')))
    return { is: 'an archive in hexadecimal digits', hint: `Decode it first: xxd -r -p ${path} images.tar` };
  if (
    /^(?:data:[\w/+.;=-]*,)?[A-Za-z0-9+/_-]{16,}={0,2}$/.test(begin) &&
    !/[\t ]\S/.test(text.slice(0, 4096))
  ) {
    const isURL = /[-_]/.test(begin);
    const bytes = Buffer.from(begin.replace(/^data:[^,]*,/, ''), 'base64');
    if (isArchive(bytes))
      return {
        is: 'an archive in base64',
        hint: isURL
          ? `Decode it first: tr -- -_ +/ < ${path} | base64 -d > images.tar`
          : `Decode it first: base64 -d ${path} > images.tar`,
      };
  }
  if (/^begin(?:-base64)? [0-7]{3} /.test(text))
    return { is: 'a file in uuencode', hint: `Decode it first: uudecode -o images.tar ${path}` };
  return undefined;
}

/** True if the bytes begin like a tar, or like compressed content. */
function isArchive(bytes: Buffer): boolean {
  return (
    detectCompression(bytes.subarray(0, MAGIC_LENGTH)) !== 'none' ||
    (bytes.length >= TAR_START_LENGTH && isTarStart(bytes.subarray(0, TAR_START_LENGTH)))
  );
}

function recogniseJSONText(text: string, { size, start }: Sample): Recognised | undefined {
  if (!/^\s*[[{"]/.test(text)) return undefined;
  if (size > start.length) {
    // The document is too large for the sample, so only its first member is looked at.
    const isList = /^\s*\[\s*\{\s*"Id"\s*:/i.test(text);
    return {
      is: isList ? 'the output of docker inspect or podman inspect' : 'a JSON document',
      hint: NOT_MEANT,
    };
  }
  return recogniseJSON(text);
}

/** Words that identify an error message of a program. */
const COMPLAINT =
  /\b(?:error|errors|denied|not found|cannot|can't|could not|failed|failure|unauthorized|forbidden|no such|refused|invalid|unable|unknown|usage|warning|timed out|timeout)\b/i;

function plainText(text: string, sample: Sample): Recognised {
  const line = text.split('\n').find((each) => COMPLAINT.test(each));
  if (line !== undefined && sample.size <= WHOLE_TEXT_BYTES)
    return {
      is: `a text ("${shortened(line)}")`,
      hint: 'The command that should have written the archive wrote this instead: fix the problem, and run that command again.',
    };
  return { is: text.startsWith('#!') ? 'a script' : 'a text', hint: NOT_MEANT };
}
