import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Grade } from '../../src/find/report.js';
import { findImages, fullName } from '../../src/operations/find/find.js';
import { fixturePath } from '../support/fixtures.js';
import { makeTar } from '../support/tar-maker.js';

/** What is right for a case of the corpus: `fixtures/find/README.md` has its form. */
interface Expected {
  images: { image: string; grade: Grade; file: string; line: number }[];
  unresolved: { file: string; line: number; text: string }[];
  not?: string[];
  archive?: string;
  of?: string;
  archives?: { archive: string; of: string }[];
}

/** How a case went; each text is a place, `FILE:LINE IMAGE`. */
export interface Judged {
  name: string;
  /** Places that are certain or likely, and were reported so. */
  right: string[];
  /** Those that were not reported. */
  missed: string[];
  /** Places that were reported as certain or likely, and are neither. */
  wrong: string[];
  /** Texts that must not be reported, and were. */
  forbidden: string[];
  unresolved: { right: string[]; missed: string[]; wrong: string[] };
  /** Places whose grade is another one. */
  otherGrade: string[];
  problems: string[];
}

/** Puts every case of one half of the corpus to the finder. */
export async function judgeCorpus(half: 'open' | 'sealed'): Promise<Judged[]> {
  const root = fixturePath(join('find', half));
  const names = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const judged: Judged[] = [];
  for (const { name } of names.sort((a, b) => (a.name < b.name ? -1 : 1)))
    judged.push(await judgeCase(name, join(root, name)));
  return judged;
}

async function judgeCase(name: string, path: string): Promise<Judged> {
  const expected: Expected = JSON.parse(await readFile(join(path, 'expected.json'), 'utf8'));
  const folder = await mkdtemp(join(tmpdir(), 'lading-find-'));
  try {
    await cp(path, folder, { recursive: true, filter: (from) => relative(path, from) !== 'expected.json' });
    await packAll(folder, expected);
    const found = await findImages({ paths: [folder] });
    // A file of an archive is named in the corpus by its path in it.
    const file = (given: string): string => relative(folder, given).replace(/^.*\.(?:tgz|tar\.gz)\//, '');
    const places = found.images.flatMap(({ origins }) =>
      origins.map(({ image, grade, file: from, line }) => ({
        grade,
        text: `${file(from)}:${line} ${fullName(image)}`,
        image,
      })),
    );
    const isSure = ({ grade }: { grade: Grade }): boolean => grade !== 'possible';
    const wanted = expected.images.map(({ image, grade, file: from, line }) => ({
      grade,
      text: `${from}:${line} ${nameOf(image)}`,
    }));
    const sure = textsOf(places.filter(isSure));
    const unresolved = [...found.unresolved, ...found.patterns].map(
      (each) => `${file(each.file)}:${each.line}`,
    );
    return {
      name,
      right: compared(textsOf(wanted.filter(isSure)), sure).right,
      missed: compared(textsOf(wanted.filter(isSure)), sure).missed,
      // A higher grade than that of the list is not wrong.
      wrong: compared(textsOf(wanted), sure).wrong,
      forbidden: places.filter(isSure).flatMap(({ image }) => (expected.not?.includes(image) ? [image] : [])),
      unresolved: compared(
        expected.unresolved.map(({ file: from, line }) => `${from}:${line}`),
        unresolved,
      ),
      otherGrade: places.flatMap(({ text, grade }) => {
        const other = wanted.find((each) => each.text === text);
        return other === undefined || other.grade === grade ? [] : [`${text}: ${grade}, not ${other.grade}`];
      }),
      problems: found.problems.map(
        ({ file: from, line, message }) => `${file(from)}:${line ?? ''} ${message}`,
      ),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function nameOf(image: string): string {
  try {
    return fullName(image);
  } catch {
    return image;
  }
}

function textsOf(places: readonly { text: string }[]): string[] {
  return places.map(({ text }) => text);
}

function compared(
  wanted: readonly string[],
  found: readonly string[],
): Pick<Judged, 'right' | 'missed' | 'wrong'> {
  const [all, there] = [new Set(wanted), new Set(found)];
  return {
    right: [...all].filter((text) => there.has(text)),
    missed: [...all].filter((text) => !there.has(text)),
    wrong: [...there].filter((text) => !all.has(text)),
  };
}

/** Packs folders of a case in order; an inner archive is a file of an outer one then. */
async function packAll(folder: string, { archive, of, archives = [] }: Expected): Promise<void> {
  const all = archive === undefined || of === undefined ? archives : [{ archive, of }, ...archives];
  for (const each of all) {
    const entries = [];
    const base = join(folder, each.of);
    for (const entry of await readdir(base, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      entries.push({ name: relative(dirname(base), path), body: await readFile(path) });
    }
    await rm(base, { recursive: true });
    await mkdir(dirname(join(folder, each.archive)), { recursive: true });
    await writeFile(join(folder, each.archive), gzipSync(makeTar(...entries)));
  }
}
