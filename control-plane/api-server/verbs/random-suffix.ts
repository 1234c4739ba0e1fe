/** Upstream's alphabet for generated names: no vowels, nothing that looks like something else. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/** Five characters, as `k8s.io/apiserver/pkg/storage/names.SimpleNameGenerator` appends. */
export const randomSuffix = (random: { bytes(n: number): Uint8Array }): string => Array.from(random.bytes(5), (b) => ALPHABET[b % ALPHABET.length]).join('')
