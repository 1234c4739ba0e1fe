/** Levels and versions of the pod security standards, and a namespace's policy from its labels (upstream `pod-security-admission/api`). Pure. */
import type { FieldError } from '../../resources/definition.ts'

export const levels = ['privileged', 'baseline', 'restricted'] as const
export type Level = typeof levels[number]

/** A minor version of Kubernetes 1.x; `latest` is the newest known. */
export type Version = 'latest' | number

export interface LevelVersion { readonly level: Level; readonly version: Version }
export interface Policy { readonly enforce: LevelVersion; readonly audit: LevelVersion; readonly warn: LevelVersion }

export const PREFIX = 'pod-security.kubernetes.io/'
const open: LevelVersion = { level: 'privileged', version: 'latest' }
/** Upstream's default configuration. */
export const openPolicy: Policy = { enforce: open, audit: open, warn: open }

export const textOf = ({ level, version }: LevelVersion): string => `${level}:${version === 'latest' ? version : `v1.${version}`}`

const isLevel = (text: string): text is Level => (levels as readonly string[]).includes(text)

function parseVersion(text: string): Version | undefined {
  if (text === 'latest') return 'latest'
  const match = /^v1\.(0|[1-9]\d{0,8})$/.exec(text)
  return match ? Number(match[1]) : undefined
}

/** Always a policy: a label that cannot be read enforces `restricted:latest`, and neither warns nor audits. */
export function policyOf(labels: Readonly<Record<string, string>> | undefined, defaults: Policy): { policy: Policy; errors: readonly FieldError[] } {
  const errors: FieldError[] = []
  const read = (mode: 'enforce' | 'audit' | 'warn'): LevelVersion => {
    let { level, version } = defaults[mode]
    const [levelLabel, versionLabel] = [`${PREFIX}${mode}`, `${PREFIX}${mode}-version`]
    const [levelText, versionText] = [labels?.[levelLabel], labels?.[versionLabel]]
    const refuse = (label: string, value: string, detail: string): void => { errors.push({ type: 'Invalid', field: `metadata.labels[${label}]`, value, detail }) }
    if (levelText !== undefined) {
      if (!isLevel(levelText)) refuse(levelLabel, levelText, `must be one of ${levels.join(', ')}`)
      level = isLevel(levelText) ? levelText : mode === 'enforce' ? 'restricted' : 'privileged'
    }
    if (versionText !== undefined) {
      const parsed = parseVersion(versionText)
      if (parsed === undefined) refuse(versionLabel, versionText, 'must be "latest" or "v1.x"')
      version = parsed ?? 'latest'
    }
    return { level, version }
  }
  const policy = { enforce: read('enforce'), audit: read('audit'), warn: read('warn') }
  return { policy, errors }
}

/** Below zero where `a` is less strict than `b`. */
export const compareLevels = (a: Level, b: Level): number => levels.indexOf(a) - levels.indexOf(b)
