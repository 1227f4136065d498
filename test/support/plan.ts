import { assemblePlan, type CopyRequest, type Plan, type PlanOptions } from '../../src/transfer/plan.js';
import { readImages } from '../../src/transfer/read-images.js';

/** The plan of a copy of these images. */
export async function planCopy(requests: readonly CopyRequest[], options: PlanOptions = {}): Promise<Plan> {
  const { images, failures } = await readImages(requests, options);
  return assemblePlan(images, failures);
}
