export interface UpOptions {
  readonly demo: boolean
  readonly dataDir: string
  readonly runtime: 'containerd' | 'docker'
  readonly apiPort: number
  readonly mqttPort: number
}
export const base: string
export const usage: string
export function parseUp(argv: readonly string[]): UpOptions | 'help'
export function parseDown(argv: readonly string[]): { readonly purge: boolean } | 'help'
