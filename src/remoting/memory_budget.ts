import type { MemoryBudget } from "./wire/frame_decoder.ts";

/** A budget without a limit. */
export const UNBOUNDED: MemoryBudget = { take: () => true, give: () => {} };

/** Limits of a {@link ByteBudget}, in bytes. */
export interface BudgetLimits {
  /** For all connections. */
  total(): number;
  /** For the connections of one address. */
  perAddress(): number;
  /** For one connection. */
  perConnection(): number;
}

/** A connection that holds memory. */
export interface MemoryHolder {
  /** Closes the connection, because memory is short. */
  evict(reason: string): void;
}

/** Memory that is only kept for reuse. */
export interface SpareMemory {
  /** Gives all of it back. */
  clear(): void;
}

/** The least seconds for which a connection counts as having held its memory. */
const LEAST_AGE = 1;
/** When memory is short, this part of the limit is made free, so that the search is rare. */
const ROOM = 1 / 64;

/**
 * The memory for everything that peers make this server keep: unfinished frames and PROXY headers,
 * requests that are not answered yet, answers that are not sent yet, and buffers kept for reuse.
 *
 * When it is short, connections are closed until there is room: first those with the highest
 * product of the bytes they hold, the time they have held any, and the bytes that their address
 * holds. So a peer that floods the server loses before those that send a request now and then.
 */
export class ByteBudget implements MemoryBudget {
  readonly #limits: BudgetLimits;
  readonly #now: () => number;
  readonly #bank: Bank;
  readonly #addresses = new Map<string, AddressShare>();
  /** The accounts that hold something. */
  readonly #holders = new Set<MemoryAccount>();
  readonly #spares = new Set<SpareMemory>();
  #used = 0;
  #spare = 0;

  /** @param now milliseconds, of any clock */
  constructor(
    total: () => number,
    shares: Omit<BudgetLimits, "total"> = {
      perAddress: () => Infinity,
      perConnection: () => Infinity,
    },
    now: () => number = () => performance.now(),
  ) {
    this.#limits = { total, ...shares };
    this.#now = now;
    this.#bank = {
      limits: this.#limits,
      share: (address) => this.#shareOf(address),
      left: (share) => {
        if (share.accounts === 0) this.#addresses.delete(share.address);
      },
      changed: (account, bytes) => this.#changed(account, bytes),
      makeRoom: (account, bytes, share) => this.#makeRoom(account, bytes, share),
    };
  }

  /** Number of bytes reserved, without spare ones. */
  get used(): number {
    return this.#used;
  }

  /** Reserves bytes that belong to no connection, if they are free. */
  take(bytes: number): boolean {
    if (this.#used + this.#spare + bytes > this.#limits.total()) return false;
    this.#used += bytes;
    return true;
  }

  /** Reserves bytes for reuse, if they are free. The owner gives them up when memory is short. */
  takeSpare(bytes: number, owner: SpareMemory): boolean {
    if (this.#used + this.#spare + bytes > this.#limits.total()) return false;
    this.#spares.add(owner);
    this.#spare += bytes;
    return true;
  }

  giveSpare(bytes: number): void {
    this.#spare -= bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }

  /**
   * Opens the account of a connection.
   *
   * @param address the peer's address, without a port
   */
  open(address: string, holder: MemoryHolder): MemoryAccount {
    return new MemoryAccount(this.#bank, address, holder);
  }

  /** The number of open accounts of an address. */
  accountsOf(address: string): number {
    return this.#addresses.get(address)?.accounts ?? 0;
  }

  #shareOf(address: string): AddressShare {
    let share = this.#addresses.get(address);
    if (share === undefined) {
      share = { address, accounts: 0, bytes: 0 };
      this.#addresses.set(address, share);
    }
    return share;
  }

  #changed(account: MemoryAccount, bytes: number): void {
    if (bytes > 0 && account.used === bytes) {
      account.since = this.#now();
      this.#holders.add(account);
    } else if (account.used === 0) {
      this.#holders.delete(account);
    }
    this.#used += bytes;
  }

  /**
   * Closes connections until the bytes are free.
   *
   * @param share whose limit is reached; without it, the limit for all
   * @returns false if the asking connection is among those that were closed
   */
  #makeRoom(asking: MemoryAccount, bytes: number, share?: AddressShare): boolean {
    const limit = share === undefined ? this.#limits.total() : this.#limits.perAddress();
    const used = () => share === undefined ? this.#used + this.#spare : share.bytes;
    if (used() + bytes <= limit) return true;
    for (const owner of this.#spares) owner.clear();
    if (used() + bytes <= limit) return true;
    const option = share === undefined ? "maxBufferedRequestBytes" : "maxBufferedBytesPerAddress";
    const now = this.#now();
    // The asking connection counts with the bytes that it asks for.
    const weigh = (account: MemoryAccount) => {
      const held = account.used + (account === asking ? bytes : 0);
      return held * Math.max(LEAST_AGE, (now - account.since) / 1000) * account.share.bytes;
    };
    const candidates = [...this.#holders]
      .filter((account) => share === undefined || account.share === share)
      .map((account) => ({ account, weight: weigh(account) }))
      .sort((one, other) => other.weight - one.weight);
    const goal = limit * (1 - ROOM);
    for (const { account, weight } of candidates) {
      if (used() + bytes <= goal || weight === 0) break;
      if (account !== asking) account.holder.evict(`${option}: it holds ${account.used} bytes`);
      else if (used() + bytes > limit) return false;
    }
    return used() + bytes <= limit;
  }
}

/** The memory that the connections of one address hold together. */
interface AddressShare {
  readonly address: string;
  accounts: number;
  bytes: number;
}

/** The parts of a budget that its accounts use. */
interface Bank {
  limits: BudgetLimits;
  share(address: string): AddressShare;
  left(share: AddressShare): void;
  changed(account: MemoryAccount, bytes: number): void;
  makeRoom(account: MemoryAccount, bytes: number, share?: AddressShare): boolean;
}

/** The memory that one connection holds of a {@link ByteBudget}. */
export class MemoryAccount implements MemoryBudget {
  readonly #bank: Bank;
  readonly holder: MemoryHolder;
  /** When the account last began to hold something, on the budget's clock. */
  since = 0;
  #share: AddressShare;
  #used = 0;
  #requests = 0;
  #unsent = 0;
  #closed = false;

  constructor(bank: Bank, address: string, holder: MemoryHolder) {
    this.#bank = bank;
    this.holder = holder;
    this.#share = bank.share(address);
    this.#share.accounts++;
  }

  /** Bytes held that become free when the connection is closed. */
  get used(): number {
    return this.#used;
  }

  /** The memory that the connections of its address hold. */
  get share(): Readonly<AddressShare> {
    return this.#share;
  }

  /** Whether the requests in progress take so much that no more should be read. */
  get crowded(): boolean {
    // Most requests are answered at once, and reading the limit would cost each of them.
    return this.#requests > 0 && this.#requests > this.#bank.limits.perConnection() / 2;
  }

  /**
   * Reserves bytes for what is being received, at the expense of other connections if need be.
   *
   * @returns false if this connection holds too much itself
   */
  take(bytes: number): boolean {
    const room = this.#used + this.#requests + bytes <= this.#bank.limits.perConnection() &&
      this.#bank.makeRoom(this, bytes, this.#share) && this.#bank.makeRoom(this, bytes);
    if (room) this.#add(bytes);
    return room;
  }

  give(bytes: number): void {
    this.#add(-bytes);
  }

  /**
   * Counts a request in progress towards the shares of the connection and of its address. Its queue
   * has reserved the memory.
   */
  begin(bytes: number): void {
    this.#requests += bytes;
    this.#share.bytes += bytes;
  }

  /** Ends what {@link begin} began; also after {@link close}. */
  done(bytes: number): void {
    this.#requests -= bytes;
    this.#share.bytes -= bytes;
  }

  /**
   * Counts the answers that are not sent yet.
   *
   * @param bytes all of them
   * @returns false if this connection holds too much
   */
  unsent(bytes: number): boolean {
    const more = bytes - this.#unsent;
    if (more === 0) return true;
    this.#unsent = bytes;
    this.#add(more);
    return more < 0 || (
      this.#used + this.#requests <= this.#bank.limits.perConnection() &&
      this.#bank.makeRoom(this, 0, this.#share) && this.#bank.makeRoom(this, 0)
    );
  }

  /** Counts with another address from now on: a trusted proxy named it. */
  move(address: string): void {
    const { accounts, bytes } = this.#detach();
    this.#share = this.#bank.share(address);
    this.#share.accounts += accounts;
    this.#share.bytes += bytes;
  }

  /** Releases everything: the connection is closed. Requests in progress go on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#add(-this.#used);
    this.#unsent = 0;
    const { bytes } = this.#detach();
    // Requests that go on no longer count with the address, which may be gone.
    this.#share = { address: this.#share.address, accounts: 0, bytes };
  }

  #detach(): { accounts: number; bytes: number } {
    const share = this.#share;
    share.accounts--;
    const bytes = this.#used + this.#requests;
    share.bytes -= bytes;
    this.#bank.left(share);
    return { accounts: 1, bytes };
  }

  #add(bytes: number): void {
    if (bytes === 0) return;
    this.#used += bytes;
    this.#share.bytes += bytes;
    this.#bank.changed(this, bytes);
  }
}
