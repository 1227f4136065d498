import type { Finder } from './finder.js';
import { bareName, isImageName, isPlausible, isUnmistakable, isUnresolved } from './image-text.js';
import { interpolated } from './interpolate.js';
import { KNOWN_FLAGS } from './known-fields.js';
import type { Scalar } from './node.js';
import { unquoted, withoutComment } from './plain-text.js';
import { isImageKey } from './words.js';

/** Texts that are longer are looked at up to here. */
const MAX_SCANNED = 1024 * 1024;

/** Looks for images in one argument of a program, such as a flag that is called an image with its value. */
export function scanArgument(finder: Finder, value: Scalar, path: string): void {
  finder.done(value);
  scanWord(finder, value.text, value.at, path, false);
}

/**
 * Looks for images in a text of several words or lines, such as a script or a file of properties. Those that follow a
 * flag or a variable that is called an image are likely.
 */
export function scanText(
  finder: Finder,
  value: Scalar,
  path: string,
  { isOfImages = false }: { isOfImages?: boolean } = {},
): void {
  let at = value.at;
  // A line of a block is a line of the file, below the one that the block begins on.
  const advance = (from: number): number => {
    const end = finder.text.indexOf('\n', from);
    return end < 0 ? from : end + 1;
  };
  if (value.isBlock) at = advance(at);
  // A text such as a script or an .env file may set variables, and use them below.
  const variables = new Map<string, string>();
  for (const line of value.text.slice(0, MAX_SCANNED).split('\n')) {
    scanLine(finder, interpolated(line, variables), at, path, isOfImages);
    const [, name, set] = SETTING.exec(line) ?? [];
    if (name !== undefined && set !== undefined) variables.set(name, interpolated(unquoted(set), variables));
    if (value.isBlock) at = advance(at);
  }
}

const SETTING = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(\S+)\s*$/;
const PROPERTY = /^\s*(?:-\s+)?(?:export\s+)?["']?([A-Za-z_][\w.-]*)["']?\s*(?:[:=]|\?=|:=)\s*(\S.*)$/;

function scanLine(finder: Finder, line: string, at: number, path: string, isOfImages: boolean): void {
  const code = line.replace(/^\s*(?:#|\/\/).*$/, '');
  if (code.length < 5) return;
  const [, name, rest = ''] = PROPERTY.exec(code) ?? [];
  if (name !== undefined && isImageKey(name, rest)) {
    const text = unquoted(withoutComment(rest).replace(/[;,]$/, ''));
    if (!/\s/.test(text) && /[:/@$]/.test(text)) {
      scanNamed(finder, text, at, path);
      return;
    }
  }
  let flag: string | undefined;
  for (const word of code.split(/[\s"'`,;|()[\]]+/)) {
    if (word === '') continue;
    if (flag !== undefined && isImageKey(flag, word)) scanNamed(finder, word, at, path);
    else scanWord(finder, word, at, path, isOfImages);
    flag = /^--?[A-Za-z][\w.-]*$/.test(word) ? word : undefined;
  }
}

function scanNamed(finder: Finder, text: string, at: number, path: string): void {
  const name = bareName(text);
  if (isPlausible(name) || isUnresolved(finder.original(name))) finder.named(name, { at }, path, 'likely');
  else scanWord(finder, text, at, path, true);
}

function scanWord(finder: Finder, word: string, at: number, path: string, isOfImages: boolean): void {
  const equals = word.lastIndexOf('=');
  if (equals > 0 && word.includes(',')) {
    const isNamed = isOfImages || isImageKey(word.slice(0, word.indexOf('=')));
    for (const part of word.split(',')) if (part !== word) scanWord(finder, part, at, path, isNamed);
    return;
  }
  const value = word.slice(equals + 1);
  const isNamed = isOfImages || (equals > 0 && namesImage(word.slice(0, equals), value));
  const name = bareName(value);
  if (isNamed && equals > 0 && isUnresolved(finder.original(name))) {
    finder.named(name, { at }, path, 'likely');
    return;
  }
  if (
    isNamed &&
    (isUnmistakable(name) ||
      (equals > 0 && isPlausible(name) && /[:/@]/.test(name)) ||
      (isOfImages && isImageName(name) && /[:@]/.test(name)))
  ) {
    finder.named(name, { at }, path, 'likely');
    return;
  }
  finder.possible(value, at, path);
}

/** True if what stands before `=` says that an image follows. */
function namesImage(key: string, value: string): boolean {
  return isImageKey(key, value) || KNOWN_FLAGS.has(key.replace(/^--?/, ''));
}
