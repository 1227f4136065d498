import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { startLadingServer } from '../support/programs/lading.js';
import { measure } from './measure.js';
import type { World } from './row.js';

/** A registry that serves the large image as `bench/jvm:1`. */
export interface ServingProgram {
  /** As the table calls it. */
  name: string;
  isLading: boolean;
  host: string;
  pid: number;
  stop(): Promise<void>;
}

/** lading over an archive and over a layout, and docker-registry with the same content. */
export async function startServers(world: World, folder: string): Promise<ServingProgram[]> {
  const { registry, images, tools, env } = world;
  const lading = tools.get('lading')?.command ?? [];
  const layout = join(folder, 'layout');
  const archive = join(folder, 'image.tar');
  const run = (...args: string[]) => measure([...lading, ...args], env, folder);
  await run('save', `${registry}/${images.large}`, '--format', 'oci', '-o', layout);
  await run('save', `${registry}/${images.large}`, '-o', archive);

  const peer = await startDockerRegistry();
  await run('load', '--input', archive, peer.host);
  return [
    { name: 'lading, archive', isLading: true, ...(await startLadingServer(archive, '--quiet')) },
    { name: 'lading, layout', isLading: true, ...(await startLadingServer(layout, '--quiet')) },
    { name: 'docker-registry', isLading: false, ...peer },
  ];
}

/** What a program has taken until now, all of its threads together. */
export async function taken(pid: number): Promise<{ processorSeconds: number; peakBytes: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field, the program's name in brackets, may hold spaces. (proc(5): utime and stime are 14 and 15)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const [, peakKiB = Number.NaN] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return {
    processorSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND,
    peakBytes: Number(peakKiB) * 1024,
  };
}

/** Lets the peak begin anew. (proc(5), clear_refs) */
export async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5');
}

/** `getconf CLK_TCK` of every Linux of today. */
const TICKS_A_SECOND = 100;
