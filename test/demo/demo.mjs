// The main job on an embedded default, without a registry and without Docker: a fixture archive is served as a
// registry, its images are saved from there into a universal archive, and the archive is verified and shown.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, list, save, serve, verify } from '../../dist/index.js';

const fixture = fileURLToPath(new URL('../../fixtures/archives/ctr-export-multi.tar', import.meta.url));

const serving = await serve(fixture, { port: 0 });
try {
  const registry = `${serving.host}:${serving.port}`;
  console.log(`serving ${fixture}\n     as http://${registry}\n`);

  const images = [];
  for (const repository of serving.repositories) {
    const { tags } = await list(`${registry}/${repository}`);
    images.push(...tags.map((tag) => `${registry}/${repository}:${tag}`));
  }
  const output = join(await mkdtemp(join(tmpdir(), 'lading-demo-')), 'images.tar');
  const saved = await save({ images, output });
  for (const { name, digest } of saved.images) console.log(`saved    ${name}\n         ${digest}`);

  const { ok, checked, findings } = await verify(output);
  console.log(
    `verified ${checked.manifests} manifests and ${checked.blobs} blobs: ${ok ? 'all right' : 'DAMAGED'}\n`,
  );
  for (const { message } of findings) console.error(message);
  if (!ok || saved.images.length !== images.length || images.length === 0) process.exitCode = 1;

  for (const { name, platforms } of (await inspect(output)).images) {
    console.log(name);
    for (const { os, architecture, layers } of platforms) {
      console.log(`  ${os}/${architecture}`);
      for (const { digest, size, createdBy } of layers)
        console.log(`    ${digest.slice(0, 19)}…  ${String(size).padStart(5)} bytes  ${createdBy ?? ''}`);
    }
  }
  console.log(
    `\nThe archive lies at ${output}\nDocker, containerd, podman and skopeo load it: docker load -i ${output}`,
  );
} finally {
  await serving.close();
}
