import { dirname, isAbsolute, join } from 'node:path/posix';
import type { Finder } from '../finder.js';
import { isUnresolved } from '../image-text.js';
import { interpolated } from '../interpolate.js';
import type { Scalar } from '../node.js';
import type { Variables } from '../variables.js';
import { parseEnvironment } from './environment.js';

/** How a compose file is read that another one leads to. */
export interface ComposeReading {
  /** The file that was given, and leads to all others. */
  first: string;
  /** The folder that the paths in the file are relative to; itself relative to the folder of the first file. */
  folder: string;
  environment: Variables;
  /** The files and services on the way to this one. */
  way: readonly string[];
  budget: ComposeBudget;
  /** Only this service, which one of another file extends. */
  service?: ExtendedService;
}

export interface ExtendedService {
  name: string;
  /** The services that extend it have an image of their own. */
  isWithoutImage: boolean;
  /** Called if the file has it. */
  onFound: () => void;
}

/** What may still be read of the files that one leads to: a few of them can name each other very often. */
interface ComposeBudget {
  files: number;
  bytes: number;
  /** It is used up, which has been reported. */
  isReported: boolean;
}

/** How the first compose file is read: with `.env` beside it, and the name of the project if it has one. */
export async function firstReading(
  finder: Finder,
  name: string | undefined,
): Promise<ComposeReading & { environment: Map<string, string> }> {
  const environment = parseEnvironment((await finder.readBeside('.env'))?.toString('utf8') ?? '');
  const project = name === undefined ? undefined : interpolated(name, environment);
  if (project !== undefined && !isUnresolved(project) && !environment.has(PROJECT))
    environment.set(PROJECT, project);
  const budget = { files: MAX_FILES, bytes: finder.limits.maxFileBytes, isReported: false };
  return { first: finder.file, folder: '', environment, way: [], budget };
}

const PROJECT = 'COMPOSE_PROJECT_NAME';

/** How many compose files one may lead to, and how many may lead from one to the next. */
const MAX_FILES = 1000;
const MAX_WAY = 16;

/** The other files that a compose file leads to; `look` finds images in one. */
export class ComposeFiles {
  readonly #finder: Finder;
  readonly #reading: ComposeReading;
  readonly #look: (bytes: Buffer, file: string, reading: ComposeReading) => Promise<unknown>;

  constructor(
    finder: Finder,
    reading: ComposeReading,
    look: (bytes: Buffer, file: string, reading: ComposeReading) => Promise<unknown>,
  ) {
    this.#finder = finder;
    this.#reading = reading;
    this.#look = look;
  }

  /** Looks into the file with a service that another one extends. */
  async extended(file: Scalar, path: string, service: Omit<ExtendedService, 'onFound'>): Promise<void> {
    const target = this.#target(file, path);
    if (target === undefined) return;
    let isFound = false;
    const onFound = (): void => {
      isFound = true;
    };
    const reading = { ...this.#reading, folder: dirname(target), service: { ...service, onFound } };
    if ((await this.#follow(file, target, path, reading)) && !isFound)
      this.#unresolved(file, path, `it has no service ${service.name}`);
  }

  /**
   * Looks into files that are included together: later ones override the first, which says where the project is. What the
   * including file has of variables takes precedence. (compose-spec, "Include")
   */
  async included(
    files: readonly Scalar[],
    path: string,
    { environments, folder }: { environments: readonly Scalar[]; folder: Scalar | undefined },
  ): Promise<void> {
    const targets = files.map((file) => this.#target(file, path));
    const [first] = targets;
    const project = folder === undefined ? dirname(first ?? '') : this.#target(folder, path);
    if (project === undefined) return;
    const environment = await this.#environment(environments, project, path);
    const { service: _, ...reading } = { ...this.#reading, folder: project, environment };
    for (const [place, file] of files.entries()) {
      const target = targets[place];
      if (target !== undefined) await this.#follow(file, target, path, reading);
    }
  }

  async #environment(files: readonly Scalar[], project: string, path: string): Promise<Variables> {
    const { environment } = this.#reading;
    const found = new Map(environment);
    const add = (bytes: Buffer): void => {
      // A later file takes precedence over an earlier one.
      for (const [name, value] of parseEnvironment(bytes.toString('utf8'), {
        fixed: environment,
        earlier: found,
      }))
        if (!environment.has(name)) found.set(name, value);
    };
    if (files.length === 0) {
      const bytes = await this.#read(join(project, '.env'));
      if (bytes !== undefined) add(bytes);
    }
    for (const file of files) {
      if (file.text === '/dev/null') continue;
      const target = this.#target(file, path);
      const bytes = target === undefined ? undefined : await this.#read(target);
      if (bytes !== undefined) add(bytes);
      else if (target !== undefined) this.#unresolved(file, path, NOT_THERE);
    }
    return found;
  }

  /** Returns where a file is, relative to the folder of the first one; undefined if that cannot be told. */
  #target(file: Scalar, path: string): string | undefined {
    const name = interpolated(file.text, this.#reading.environment);
    if (isUnresolved(name)) this.#unresolved(file, path, 'a variable has no value');
    else if (/^[a-z]+:\/\//i.test(name)) this.#unresolved(file, path, 'the file is on another machine');
    else return isAbsolute(name) ? name : join(this.#reading.folder, name);
    return undefined;
  }

  async #follow(file: Scalar, target: string, path: string, reading: ComposeReading): Promise<boolean> {
    const { budget, first, way } = reading;
    const step = `${target} ${reading.service?.name ?? ''}`;
    if (way.includes(step) || way.length >= MAX_WAY) {
      this.#unresolved(file, path, 'too many files lead from one to the next');
      return false;
    }
    if (budget.files <= 0 || budget.bytes <= 0) {
      if (!budget.isReported) this.#unresolved(file, path, 'too many files are read for the first one');
      budget.isReported = true;
      return false;
    }
    const bytes = await this.#read(target);
    if (bytes === undefined) {
      this.#unresolved(file, path, NOT_THERE);
      return false;
    }
    budget.files--;
    await this.#look(bytes, isAbsolute(target) ? target : join(dirname(first), target), {
      ...reading,
      way: [...way, step],
    });
    return true;
  }

  async #read(target: string): Promise<Buffer | undefined> {
    const bytes = await this.#finder.readBeside(target);
    this.#reading.budget.bytes -= bytes?.length ?? 0;
    return bytes;
  }

  #unresolved({ text, at }: Scalar, path: string, reason: string): void {
    this.#finder.unresolved(text, at, path, reason);
  }
}

const NOT_THERE = 'the file is not there, or outside of the folder that is read';
