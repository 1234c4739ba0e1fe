/** Order of versions by their names: v10, v2, v1, v3beta1, v2alpha2, then others by the alphabet (`k8s.io/apimachinery/pkg/version`). Pure. */

const form = /^v(\d+)(?:(alpha|beta)(\d+))?$/
const rank = { alpha: 0, beta: 1 } as const

/** Negative where `a` comes first. */
export function comparePriority(a: string, b: string): number {
  const [x, y] = [form.exec(a), form.exec(b)]
  if (!x || !y) return x ? -1 : y ? 1 : a < b ? -1 : a > b ? 1 : 0
  const stage = (m: RegExpExecArray): number => (m[2] ? rank[m[2] as keyof typeof rank] : 2)
  return stage(y) - stage(x) || Number(y[1]) - Number(x[1]) || Number(y[3] ?? 0) - Number(x[3] ?? 0)
}
