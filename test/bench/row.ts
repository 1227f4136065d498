import type { BenchImages } from './images.js';
import type { Tool, ToolName } from './tools.js';

/** What rows find: registries that hold the images, the tools, and the environment to run them in. */
export interface World {
  /** `HOST:PORT` on loopback. */
  registry: string;
  /** The same registry, 40 ms away. */
  farRegistry: string;
  images: BenchImages;
  tools: ReadonlyMap<ToolName, Tool>;
  env: NodeJS.ProcessEnv;
}

/** One piece of work that several tools do. */
export interface Row {
  /** Chosen by it on the command line. */
  name: string;
  /** The work, as the table names it. */
  work: string;
  goal: Goal;
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
  /** Undoes the run before; not measured, and called before the warm-up too. */
  before?: () => Promise<void>;
}

/** What lading must reach. */
export type Goal =
  | { type: 'ratio'; atMost: number }
  | { type: 'seconds'; atMost: number }
  /** At most so many seconds more than this tool. */
  | { type: 'over'; tool: ToolName; seconds: number };
