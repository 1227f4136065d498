import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Context } from 'mocha';

/** The programs that the tests run against, with the Debian package of each. */
const PACKAGES = {
  'docker-registry': 'docker-registry',
  htpasswd: 'apache2-utils',
  openssl: 'openssl',
  docker: 'docker.io',
  dockerd: 'docker.io',
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  time: 'time',
  podman: 'podman',
  buildah: 'buildah',
  skopeo: 'skopeo',
  umoci: 'umoci',
  debootstrap: 'debootstrap',
  ip: 'iproute2',
  curl: 'curl',
} as const;

export type Program = keyof typeof PACKAGES;

/** Set by `.ci/run`: a missing program fails the run instead of leaving tests out. */
const required = process.env.LADING_INTEROP_REQUIRE === '1';

/** Skips the test or suite, saying why, when one of the programs is not installed here. */
export function needs(context: Context, ...programs: Program[]): void {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return;
  const names = missing.map((program) => `${program} (package ${PACKAGES[program]})`).join(', ');
  leaveOut(context, `not installed: ${names}`);
}

/** Skips the test or suite for a reason that is printed; an error where everything is required. */
export function leaveOut(context: Context, reason: string): void {
  if (required) throw new Error(`${reason}, and LADING_INTEROP_REQUIRE=1`);
  console.warn(`    skipped: ${reason}`);
  context.skip();
}

/** Whether a program is found in `PATH`. */
export function isInstalled(program: Program): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
