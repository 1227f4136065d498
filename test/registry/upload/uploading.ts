import assert from 'node:assert/strict';
import type { RegistryClient } from '../../../src/registry/client.js';
import type { UploadOptions } from '../../../src/registry/upload/upload.js';
import { has } from '../../../src/store/store.js';
import { type Content, contentOf, randomBytesFrom } from '../../support/images.js';
import { openerOf } from '../../support/openers.js';
import { type Registries, useRegistries } from '../../support/registries.js';
import type { UploadRegistry } from '../../support/upload-registry.js';

export const BLOB = contentOf('application/octet-stream', randomBytesFrom('a blob', 1000));
export const LARGE = contentOf('application/octet-stream', randomBytesFrom('a large blob', 5_000_000));

/** Starts registries and uploads to them. */
export interface Uploads extends Registries {
  upload(host: string, content?: Content, options?: UploadOptions, client?: RegistryClient): Promise<void>;
}

/** Sets up registries to upload to for the tests of a file; closes them after each test. */
export function useUploads(): Uploads {
  const registries = useRegistries();
  return {
    ...registries,
    async upload(host, content = BLOB, options = {}, client = registries.connect()) {
      await client.uploadBlob(
        { registry: host, repository: 'a/b' },
        content.descriptor,
        openerOf(content.bytes),
        options,
      );
    },
  };
}

/** Asserts that the registry has the content under its digest. */
export async function assertHeld(registry: UploadRegistry, content = BLOB): Promise<void> {
  assert.equal(await has(registry.repository('a/b'), content.descriptor), true);
}

/** Returns the methods and ranges of the requests, such as `PATCH 0-9`. */
export const steps = ({ requests }: UploadRegistry) =>
  requests.map((line) => {
    const [method, , range] = line.split(' ');
    return range === undefined ? method : `${method} ${range}`;
  });
