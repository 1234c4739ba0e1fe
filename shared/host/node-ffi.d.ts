/** The part of `node:ffi` (Node 26, experimental) that is used here; its types are not in `@types/node` yet. */
declare module 'node:ffi' {
  export interface Signature { readonly arguments: readonly string[]; readonly return: string }
  /** Throws where the library or a function of it is not there. */
  export function dlopen<N extends string>(path: string, functions: Readonly<Record<N, Signature>>): { readonly functions: Readonly<Record<N, (...args: readonly (number | bigint)[]) => number | bigint>> }
}
