import { type Random, randomBytes } from '../../util/random.ts'
import {
  CLIENT_MIN_HANDSHAKE_LENGTH,
  CLIENT_MIN_PAD_LENGTH,
  MAC_LENGTH,
  MARK_LENGTH,
  REPRESENTATIVE_LENGTH,
} from './constants.ts'
import {
  FIRST_PRINTABLE,
  MAX_LOW_BITS_PER_BYTE,
  MAX_PRINTABLE_RUN,
  PRINTABLE_COUNT,
  countBits,
  exemptsEverySegment,
  isPrintable,
} from './encrypted-traffic-detector.ts'
import { RandomDraws } from './random-draws.ts'

/** How one Client Factory fills the padding P_C of its hellos. */
export interface PaddingStyle {
  /** Fills `pad`, at least 77 bytes of the caller's, for the hello that begins with the 32 bytes of `representative`. */
  fill(pad: Buffer, representative: Uint8Array): void
  /** Says whether a whole hello will do; if not, its padding is to be filled again, at the same length. */
  accepts(hello: Uint8Array): boolean
}

/** The ways to be exempt: few or many set bits, a share of printable bytes, a run of them. */
export const EXEMPT_FORMS = ['density', 'share', 'run'] as const
export type ExemptForm = (typeof EXEMPT_FORMS)[number]

/** Makes the style that obfs4 always had: uniformly random bytes. */
export function createUniformPadding(random: Random): PaddingStyle {
  return { fill: (pad) => void random.fill(pad), accepts: () => true }
}

/**
 * Makes a style whose hellos the published detector of fully encrypted traffic exempts, for every first segment of 141 to 1,460 bytes.
 * The form, unless it is given, and its figures are drawn here, once per Client Factory; each hello varies them a little.
 */
export function createExemptPadding(random: Random, form: ExemptForm = drawForm(random)): PaddingStyle {
  return {
    fill: EXEMPT_FILLERS[form](random),
    accepts: (hello) => exemptsEverySegment(hello, SHORTEST_SEGMENT, Math.min(LONGEST_SEGMENT, hello.length)),
  }
}

function drawForm(random: Random): ExemptForm {
  return EXEMPT_FORMS[new RandomDraws(random).below(EXEMPT_FORMS.length)]!
}

/** First segments are held exempt from the shortest hello to a full segment of Ethernet. */
const SHORTEST_SEGMENT = CLIENT_MIN_HANDSHAKE_LENGTH
const LONGEST_SEGMENT = 1460
const TAIL_LENGTH = MARK_LENGTH + MAC_LENGTH

type Fill = PaddingStyle['fill']

const EXEMPT_FILLERS = { density: createDensityFill, share: createShareFill, run: createRunFill } as const

/** A property of bytes of which the first n may have only so much, for the detector to exempt them. */
interface Scale {
  /** How much of it a byte has. */
  readonly score: (byte: number) => number
  /** The most that `length` bytes may have. */
  readonly limit: (length: number) => number
  /** What mark and MAC, which come after the padding and depend on it, have at the most: mean and 3.5 deviations. */
  readonly tail: number
  /** A byte with less, in place of one that has some. */
  readonly lower: (byte: number) => number
}

/** Largest distance that is kept from the limit, drawn per hello, so that no hello is known by meeting it exactly. */
const MAX_SLACK = 8

/** Lowers bytes at random places until every prefix that ends inside the padding keeps its limit, and leaves room for the tail. */
function keepLimits(
  pad: Buffer,
  representative: Uint8Array,
  { score, limit, tail, lower }: Scale,
  draws: RandomDraws,
): void {
  const slack = draws.below(MAX_SLACK + 1)
  const whole = REPRESENTATIVE_LENGTH + pad.length + TAIL_LENGTH
  let sum = representative.reduce((total, byte) => total + score(byte), 0)
  const lowerTo = (most: number, end: number): void => {
    while (sum > most) {
      const place = draws.below(end)
      const old = pad[place]!
      if (score(old) === 0) continue
      const lowered = lower(old)
      pad[place] = lowered
      sum += score(lowered) - score(old)
    }
  }
  for (let end = 1; end <= pad.length; end++) {
    const length = REPRESENTATIVE_LENGTH + end
    sum += score(pad[end - 1]!)
    if (length >= SHORTEST_SEGMENT) lowerTo(limit(length) - slack, end)
  }
  if (whole - TAIL_LENGTH < LONGEST_SEGMENT) lowerTo(limit(whole) - tail - slack, pad.length)
}

/** A probability as a byte: `of` 256. */
const DENSITY_STEPS = 256
/** Set (or clear) bits in 256, of a factory: 2.2 to 2.9 per byte. */
const DENSITY_RANGE = [70, 92] as const
const DENSITY_JITTER = 4

function createDensityFill(random: Random): Fill {
  const draws = new RandomDraws(random)
  const flip = draws.below(2) * 0xff
  const base = draws.between(...DENSITY_RANGE)
  const scale: Scale = {
    score: (byte) => countBits(byte ^ flip),
    limit: (length) => MAX_LOW_BITS_PER_BYTE * length,
    tail: 168,
    lower: (byte) => ((byte ^ flip) & draws.below(256)) ^ flip,
  }
  return (pad, representative) => {
    fillWithDensity(pad, base + draws.between(-DENSITY_JITTER, DENSITY_JITTER), random)
    for (let i = 0; i < pad.length; i++) pad[i]! ^= flip
    keepLimits(pad, representative, scale, draws)
  }
}

/** Fills with independent bits of which `density` in 256 are set: binary digits of it, from the lowest, choose between AND and OR. */
function fillWithDensity(pad: Buffer, density: number, random: Random): void {
  pad.fill(0)
  for (let digit = 1; digit < DENSITY_STEPS; digit *= 2) {
    const mask = randomBytes(random, pad.length)
    if ((density & digit) === 0) for (let i = 0; i < pad.length; i++) pad[i]! &= mask[i]!
    else for (let i = 0; i < pad.length; i++) pad[i]! |= mask[i]!
  }
}

/** Printable bytes in a hundred, of a factory. */
const SHARE_RANGE = [66, 90] as const
const SHARE_JITTER = 3

function createShareFill(random: Random): Fill {
  const draws = new RandomDraws(random)
  const base = draws.between(...SHARE_RANGE)
  const scale: Scale = {
    score: (byte) => Number(!isPrintable(byte)),
    limit: (length) => (length - 1) / 2,
    tail: 30,
    lower: () => drawPrintable(draws),
  }
  return (pad, representative) => {
    const share = base + draws.between(-SHARE_JITTER, SHARE_JITTER)
    for (let i = 0; i < pad.length; i++)
      pad[i] = draws.below(100) < share ? drawPrintable(draws) : drawUnprintable(draws)
    keepLimits(pad, representative, scale, draws)
  }
}

/** Length of a factory's run. */
const RUN_RANGE = [MAX_PRINTABLE_RUN + 4, 56] as const
const RUN_JITTER = 3
const PLACE_JITTER = 4

function createRunFill(random: Random): Fill {
  const draws = new RandomDraws(random)
  const baseLength = draws.between(...RUN_RANGE)
  const basePlace = draws.between(0, CLIENT_MIN_PAD_LENGTH - baseLength - RUN_JITTER - PLACE_JITTER)
  return (pad) => {
    random.fill(pad)
    // Within the first 77 bytes of padding the run is within every first segment.
    const place = basePlace + draws.below(PLACE_JITTER + 1)
    const end = place + baseLength + draws.between(-RUN_JITTER, RUN_JITTER)
    for (let i = place; i < end; i++) pad[i] = drawPrintable(draws)
  }
}

function drawPrintable(draws: RandomDraws): number {
  return FIRST_PRINTABLE + draws.below(PRINTABLE_COUNT)
}

function drawUnprintable(draws: RandomDraws): number {
  const value = draws.below(256 - PRINTABLE_COUNT)
  return value < FIRST_PRINTABLE ? value : value + PRINTABLE_COUNT
}
