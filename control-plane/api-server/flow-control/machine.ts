/**
 * Priority levels with fair queues: which request may run now, which waits, which is refused. Pure: whoever asks says what happened, and is told
 * what may start.
 *
 * As upstream's `util/flowcontrol/fairqueuing`, with two simplifications that make it exact where upstream is probable. Each flow has a queue of
 * its own while it waits (upstream shuffles flows over a fixed number of queues, where two may meet), and idle levels lend their seats at once
 * (upstream moves them every ten seconds). A flow is charged the width of what it starts; the one charged least goes first.
 */

export interface Level {
  readonly name: string
  /** Runs everything, counts nothing. */
  readonly exempt: boolean
  readonly shares: number
  /** Percent of the nominal seats that others may use while they are idle. */
  readonly lendablePercent: number
  /** Percent of the nominal seats that may be borrowed beyond them; undefined: no limit. */
  readonly borrowingLimitPercent: number | undefined
  /** Undefined: what cannot run is refused. */
  readonly queuing: { readonly queues: number; readonly handSize: number; readonly queueLengthLimit: number } | undefined
}

/** One request that waits or runs. */
export interface Ticket {
  readonly level: string
  readonly flow: string
  /** Seats it takes: 1, more for a long list. */
  readonly width: number
  state: 'waiting' | 'running' | 'over'
}

export type Answer = { readonly is: 'running' | 'waiting'; readonly ticket: Ticket } | { readonly is: 'refused'; readonly why: 'concurrency-limit' | 'queue-full' }

interface Flow { charged: number; readonly waiting: Ticket[] }

interface LevelState { level: Level; nominal: number; running: number; waiting: number; /** Charge of the flow served last: where new flows begin. */ clock: number; readonly flows: Map<string, Flow> }

export class FlowMachine {
  readonly #seats: number
  readonly #levels = new Map<string, LevelState>()
  #waiting = 0

  /** `seats`: how many requests of width 1 run at a time in all levels together. */
  constructor(seats: number, levels: readonly Level[]) {
    this.#seats = seats
    this.configure(levels)
  }

  /** Takes new levels. Requests of a level that is gone run on and leave; those that wait in it are given back, refused. */
  configure(levels: readonly Level[]): Ticket[] {
    const shares = levels.reduce((sum, l) => sum + (l.exempt ? 0 : l.shares), 0) || 1
    const names = new Set(levels.map((l) => l.name))
    const orphans: Ticket[] = []
    for (const [name, state] of this.#levels) {
      if (names.has(name)) continue
      for (const flow of state.flows.values()) orphans.push(...flow.waiting)
      this.#waiting -= state.waiting
      this.#levels.delete(name)
    }
    for (const level of levels) {
      const nominal = level.exempt ? 0 : Math.ceil((this.#seats * level.shares) / shares)
      const state = this.#levels.get(level.name)
      if (state) Object.assign(state, { level, nominal })
      else this.#levels.set(level.name, { level, nominal, running: 0, waiting: 0, clock: 0, flows: new Map() })
    }
    for (const ticket of orphans) ticket.state = 'over'
    return orphans
  }

  /** Numbers for metrics. */
  get levels(): readonly { readonly name: string; readonly nominal: number; readonly running: number; readonly waiting: number }[] {
    return [...this.#levels.values()].map(({ level, nominal, running, waiting }) => ({ name: level.name, nominal, running, waiting }))
  }

  /** A request arrives. A level that is not known counts as exempt: the configuration is changed while requests are on their way. */
  arrive(level: string, flow: string, width: number): Answer {
    const state = this.#levels.get(level)
    const ticket: Ticket = { level, flow, width, state: 'running' }
    if (!state) return { is: 'running', ticket }
    // Nobody overtakes those who wait in the same level.
    if (state.waiting === 0 && this.#fits(state, width)) {
      state.running += width
      return { is: 'running', ticket }
    }
    const { queuing } = state.level
    if (!queuing) return { is: 'refused', why: 'concurrency-limit' }
    const waits = state.flows.get(flow)
    if (state.waiting >= queuing.queues * queuing.queueLengthLimit || (waits?.waiting.length ?? 0) >= queuing.handSize * queuing.queueLengthLimit) return { is: 'refused', why: 'queue-full' }
    ticket.state = 'waiting'
    // A flow that comes back does not find credit saved up, nor is it punished for what it had long ago.
    if (waits) waits.waiting.push(ticket)
    else state.flows.set(flow, { charged: state.clock, waiting: [ticket] })
    state.waiting++
    this.#waiting++
    return { is: 'waiting', ticket }
  }

  /** A request ended, or gave up waiting. Gives what may start now; those count as running already. */
  leave(ticket: Ticket): Ticket[] {
    const state = this.#levels.get(ticket.level)
    const was = ticket.state
    ticket.state = 'over'
    if (!state || was === 'over') return []
    if (was === 'waiting') {
      const flow = state.flows.get(ticket.flow)
      const at = flow?.waiting.indexOf(ticket) ?? -1
      if (!flow || at < 0) return []
      flow.waiting.splice(at, 1)
      state.waiting--
      this.#waiting--
      if (!flow.waiting.length) state.flows.delete(ticket.flow)
      return []
    }
    state.running = Math.max(0, state.running - ticket.width)
    return this.#waiting ? this.#start(state) : []
  }

  /** The level whose seat was freed first, then the others: they may borrow what it does not need. */
  #start(first: LevelState): Ticket[] {
    const started: Ticket[] = []
    for (const state of [first, ...this.#levels.values()]) {
      while (state.waiting) {
        const [name, flow] = next(state)
        const ticket = flow.waiting[0] as Ticket
        if (!this.#fits(state, ticket.width)) break
        flow.waiting.shift()
        state.clock = flow.charged
        flow.charged += ticket.width
        if (!flow.waiting.length) state.flows.delete(name)
        state.waiting--
        this.#waiting--
        state.running += ticket.width
        ticket.state = 'running'
        started.push(ticket)
      }
    }
    return started
  }

  #fits(state: LevelState, width: number): boolean {
    const { level, nominal, running } = state
    // Something wider than its level runs alone in it.
    if (level.exempt || running === 0 || running + width <= nominal) return true
    if (level.borrowingLimitPercent !== undefined && running + width > nominal * (1 + level.borrowingLimitPercent / 100)) return false
    let others = 0
    for (const other of this.#levels.values()) {
      if (other !== state && !other.level.exempt) others += Math.max(other.running, other.nominal * (1 - other.level.lendablePercent / 100))
    }
    return others + running + width <= this.#seats
  }
}

function next(state: LevelState): [string, Flow] {
  let found: [string, Flow] | undefined
  for (const entry of state.flows) if (!found || entry[1].charged < found[1].charged) found = entry
  return found as [string, Flow]
}
