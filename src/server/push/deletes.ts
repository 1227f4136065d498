import type { Digest } from '../../content/digest.js';
import { isTag } from '../../content/reference.js';
import { isLadingError } from '../../errors.js';
import type { WritableRepositories, WritableRepository } from '../../store/writable-repository.js';
import { type Answer, emptyAnswer } from '../answer.js';
import { Refusal, unknownRepository } from '../errors.js';
import { requireDigest } from '../names.js';

/** Answers DELETE of a manifest with its tags, or of a tag alone. (distribution-spec, end-9) */
export async function deleteManifest(
  repositories: WritableRepositories,
  { repository: name, reference }: { repository: string; reference: string },
): Promise<Answer> {
  const unknown = () => new Refusal('MANIFEST_UNKNOWN', 'manifest unknown', { detail: { reference } });
  const digest = reference.includes(':') ? requireDigest(reference) : undefined;
  if (digest === undefined && !isTag(reference)) throw unknown();
  const repository = await requireRepository(repositories, name);
  return removed(
    digest === undefined ? repository.deleteTag(reference) : repository.deleteManifest(digest),
    unknown,
  );
}

/** Answers DELETE of a blob, which is refused while a manifest needs it. (distribution-spec, end-10) */
export async function deleteBlob(
  repositories: WritableRepositories,
  { repository: name, digest }: { repository: string; digest: Digest },
): Promise<Answer> {
  const repository = await requireRepository(repositories, name);
  return removed(
    repository.deleteBlob(digest),
    () => new Refusal('BLOB_UNKNOWN', 'blob unknown to registry', { detail: digest }),
  );
}

async function requireRepository(
  repositories: WritableRepositories,
  name: string,
): Promise<WritableRepository> {
  const repository = await repositories.openRepository(name);
  if (repository === undefined) throw unknownRepository(name);
  return repository;
}

async function removed(removal: Promise<void>, unknown: () => Refusal): Promise<Answer> {
  try {
    await removal;
  } catch (error) {
    if (isLadingError(error, 'NOT_FOUND')) throw unknown();
    // 405 is the specification's status for content that the registry does not delete; 403 would be about the user.
    if (isLadingError(error, 'IN_USE')) {
      throw new Refusal('UNSUPPORTED', 'a manifest needs this blob: delete that first', {
        headers: { Allow: 'GET, HEAD' },
      });
    }
    throw error;
  }
  return emptyAnswer(202);
}
