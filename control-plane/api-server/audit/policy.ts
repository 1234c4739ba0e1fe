/** The policy file: YAML or JSON. */
import { readFile } from 'node:fs/promises'
import type { Policy } from './rules.ts'
import { policyFaults } from './rules.ts'

/** Throws an Error that names the file and everything wrong in it. The YAML library is loaded for it. */
export async function loadPolicy(path: string): Promise<Policy> {
  const text = await readFile(path, 'utf8')
  const { parse } = await import('yaml')
  const raw: unknown = parse(text)
  const faults = policyFaults(raw)
  if (faults.length) throw new Error(`${path}: ${faults.join('; ')}`)
  return raw as Policy
}
