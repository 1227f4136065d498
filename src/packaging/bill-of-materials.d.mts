/** CycloneDX, as far as tests read it. */
export function billOfMaterials(architectures?: readonly string[]): Promise<string>;
