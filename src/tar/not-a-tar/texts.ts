import { detectCompression, MAGIC_LENGTH } from '../../content/compression.js';
import { isTarStart, TAR_START_LENGTH } from '../../content/tar-start.js';
import { recogniseJSON } from './json-texts.js';
import { NOT_MEANT, nameOf, type Recognised, type Sample, shellWord, shortened } from './recognised.js';

/** Texts beyond this size are not read whole: of them only the beginning is judged. */
const WHOLE_TEXT_BYTES = 64 * 1024;

/** What a file is that holds text: recognised by what stands at its beginning, of a small one by all of it. */
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

/** The text at the beginning of a file; undefined where it has bytes that no text has. */
function textIn({ start, size }: Sample): string | undefined {
  try {
    // Of a longer text the last character of the sample may be cut.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(start, { stream: size > start.length });
    return CONTROL.test(text) ? undefined : text;
  } catch {
    return undefined; // not UTF-8
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]/;

function recogniseMarkup(text: string): Recognised | undefined {
  const begin = text.replace(/^\ufeff/, '').trimStart();
  if (
    /^(?:<\?xml[^>]*>\s*|<!--[\s\S]*?-->\s*)*(?:<!doctype\s+html|<html|<head|<body|<script)\b/i.test(begin)
  ) {
    const [, title] = /<title[^>]*>([^<]{1,200})/i.exec(text) ?? /<h1[^>]*>([^<]{1,200})/i.exec(text) ?? [];
    return {
      is: title === undefined ? 'an HTML page' : `an HTML page ("${shortened(title)}")`,
      hint: 'A web server answered with a page, perhaps a login or an error, where the archive was expected. See in a browser what it says, and download the archive itself; with curl, -fL stops at errors and follows redirects.',
    };
  }
  if (!/^(?:<\?xml\b|<Error>)/.test(begin)) return undefined;
  const [, code] = /<Code>([^<]{1,100})<\/Code>/.exec(text) ?? [];
  const [, message] = /<Message>([^<]{1,200})<\/Message>/.exec(text) ?? [];
  if (code === undefined) return { is: 'an XML document', hint: NOT_MEANT };
  return {
    is: `an error message of a server (${shortened([code, message].join(': '))})`,
    hint: 'A server answered with this where the archive was expected: fetch it again, with a link or a login that is valid.',
  };
}

/** A few lines that stand for a large file which is kept elsewhere. */
function recognisePointer(text: string, sample: Sample): Recognised | undefined {
  if (
    text.startsWith('version https://git-lfs.github.com/spec/') ||
    text.startsWith('version https://hawser')
  ) {
    const [, size] = /^size (\d{1,20})$/m.exec(text) ?? [];
    return {
      is: `a pointer of Git LFS${size === undefined ? '' : `, which stands for a file of ${size} bytes`}`,
      hint: `Fetch the file itself, in its repository: git lfs pull --include ${shellWord(nameOf(sample))}`,
    };
  }
  if (/^(?:\.\.\/)*(?:\.git)?\/annex\/objects\//.test(text))
    return {
      is: 'a pointer of git-annex, which stands for another file',
      hint: `Fetch the file itself, in its repository: git annex get ${sample.path}`,
    };
  if (/^(?:outs|deps):\n- (?:md5|hash):/.test(text))
    return {
      is: 'a pointer of DVC, which stands for another file',
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
  return { is: `a document in PEM (${label})`, hint: NOT_MEANT };
}

/** Lines of sha256sum and its kin, of BSD's too. */
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
    hint: `Name the archive itself.${name === undefined ? '' : ` Whether it is whole says: sha256sum -c ${path}`}`,
  };
}

/** An archive that was written as text, for a mail or a form. */
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

/** A tar of files, or what can be one that is compressed. */
function isArchive(bytes: Buffer): boolean {
  return (
    detectCompression(bytes.subarray(0, MAGIC_LENGTH)) !== 'none' ||
    (bytes.length >= TAR_START_LENGTH && isTarStart(bytes.subarray(0, TAR_START_LENGTH)))
  );
}

function recogniseJSONText(text: string, { size, start }: Sample): Recognised | undefined {
  if (!/^\s*[[{"]/.test(text)) return undefined;
  if (size > start.length) {
    // What is too large to be read here is told by its first member.
    const isList = /^\s*\[\s*\{\s*"Id"\s*:/i.test(text);
    return {
      is: isList ? 'what docker inspect or podman inspect prints' : 'a JSON document',
      hint: NOT_MEANT,
    };
  }
  return recogniseJSON(text);
}

/** Words of an error message that a program wrote where its output went. */
const COMPLAINT =
  /\b(?:error|errors|denied|not found|cannot|can't|could not|failed|failure|unauthorized|forbidden|no such|refused|invalid|unable|unknown|usage|warning|timed out|timeout)\b/i;

function plainText(text: string, sample: Sample): Recognised {
  const line = text.split('\n').find((each) => COMPLAINT.test(each));
  if (line !== undefined && sample.size <= WHOLE_TEXT_BYTES)
    return {
      is: `a text ("${shortened(line)}")`,
      hint: 'The command that should have written the archive wrote this instead: mend what it says, and run that command again.',
    };
  return { is: text.startsWith('#!') ? 'a script' : 'a text', hint: NOT_MEANT };
}
