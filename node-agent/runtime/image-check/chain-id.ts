import { createHash } from 'node:crypto'

/** Identity of a stack of layers (OCI image spec, "Layer ChainID"). */
export function chainId(diffIds: readonly string[]): string {
  return diffIds.reduce((chain, diff) => (chain === '' ? diff : `sha256:${createHash('sha256').update(`${chain} ${diff}`).digest('hex')}`), '')
}
