/** The name a writer is known by where it gives none: the head of its User-Agent (`k8s.io/apiserver/pkg/endpoints/handlers`: `managerOrUserAgent`). Pure. */

/** Upstream's `FieldManagerMaxLength`, bytes. */
export const MANAGER_NAME_LIMIT = 128

/** `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space. */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u
export const isPrintable = (character: string): boolean => printable.test(character)

/** `''` where nothing of it can be a name: the entry is then that of `unknown`. */
export function managerName(fieldManager: string | null | undefined, userAgent: string | undefined): string {
  if (fieldManager) return fieldManager
  const head = (userAgent ?? '').split('/', 1)[0] ?? ''
  let name = ''
  for (const character of head) {
    if (!isPrintable(character)) continue
    if (Buffer.byteLength(name) + Buffer.byteLength(character) > MANAGER_NAME_LIMIT) break
    name += character
  }
  return name
}
