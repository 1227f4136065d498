import type { BenchImages } from './images.js';
import type { Tool, ToolName } from './tools.js';

/** What rows find: registries that hold the images, the tools, and the environment to run them in. */
export interface World {
  /** `HOST:PORT` on loopback. */
  registry: string;
  /** The same registry, 40 ms away. */
  farRegistry: string;
  /** As far away, with 20 MB/s for each connection. */
  narrowRegistry: string;
  images: BenchImages;
  /** Whether it only has to be seen that everything works. */
  isQuick: boolean;
  tools: ReadonlyMap<ToolName, Tool>;
  env: NodeJS.ProcessEnv;
}

/** One piece of work that several tools do. */
export interface Row {
  /** Chosen by it on the command line. */
  name: string;
  /** The work, as the table names it. */
  work: string;
  /** What lading must reach; a row may have several goals. */
  goals: readonly Goal[];
  /** Measured runs at most, where they take long and differ little. */
  runs?: number;
  /**
   * Who does it, with everything in place; `folder` is the row's own and empty. A tool that is not here may
   * be named, it is left out.
   */
  contestants(world: World, folder: string): Promise<Contestant[]>;
}

export interface Contestant {
  tool: ToolName;
  /** The whole command line, from the one that begins each call of the tool. */
  command: (tool: readonly string[]) => readonly string[];
  /** Where it does something else than the others. */
  note?: string;
  /** How many commands run at once, where no single one does the work. */
  processes?: number;
  /** Measured runs at most, and no warm-up, where it takes many times as long as the others. */
  runs?: number;
  /** Undoes the run before; not measured, and called before the warm-up too. */
  before?: () => Promise<void>;
}

export type Goal =
  /** Of the wall time of the fastest peer, of one tool, or of the fastest that does the work with one command. */
  | { type: 'ratio'; atMost: number; of?: ToolName | 'one command' }
  | { type: 'seconds'; atMost: number }
  | { type: 'peak'; atMostBytes: number }
  /** At most so many seconds more than this tool. */
  | { type: 'over'; tool: ToolName; seconds: number };
