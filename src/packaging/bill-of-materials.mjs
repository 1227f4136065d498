/**
 * The bill of materials: what people get with lading, in CycloneDX.
 * Usage: npm run sbom
 */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { nodeComponent } from './node-release.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Returns the document as npm makes it, without what differs from run to run, and with the Node.js of executables for these
 * architectures. npm's own `--omit dev` also leaves out packages that lading and its tools share, such as graceful-fs.
 */
export async function billOfMaterials(architectures = []) {
  const env = { ...process.env, HOME: process.env.HOME ?? '/nonexistent' };
  const made = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], {
    cwd: ROOT,
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 28,
  });
  const document = JSON.parse(made);
  delete document.serialNumber;
  delete document.metadata.timestamp;
  const { name } = JSON.parse(await readFile(`${ROOT}/package.json`, 'utf8'));
  document.metadata.component.name = name; // npm takes the name of the folder
  document.components = document.components.filter((component) => !isForDevelopment(component));
  const known = new Set([document.metadata.component, ...document.components].map((one) => one['bom-ref']));
  document.dependencies = document.dependencies
    .filter(({ ref }) => known.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => known.has(other)) }));
  document.components.push(...architectures.map(nodeComponent));
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function isForDevelopment({ properties = [] }) {
  return properties.some(({ name, value }) => name === 'cdx:npm:package:development' && value === 'true');
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) process.stdout.write(await billOfMaterials());
