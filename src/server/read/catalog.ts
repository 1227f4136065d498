import { isRepository } from '../../content/reference.js';
import { type Answer, type Asked, jsonAnswer } from '../answer.js';
import { pageOf } from './pagination.js';

/**
 * Answers GET of the names of all repositories. (distribution, "Listing Repositories"; not in the distribution-spec)
 */
export async function listCatalog(
  listed: Promise<string[]> | AsyncIterable<string>,
  { asked, maxPageBytes }: { asked: Asked; maxPageBytes: number },
): Promise<Answer> {
  const names: string[] = [];
  for await (const name of await listed) if (isRepository(name)) names.push(name);
  const { entries, headers } = pageOf(names, {
    query: asked.query,
    path: '/v2/_catalog',
    maxBytes: maxPageBytes,
  });
  return jsonAnswer({ repositories: entries }, { headers });
}
