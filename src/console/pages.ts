import type { ComponentType } from "preact";
import type { TextKey } from "./i18n.ts";
import { AccessPage } from "./pages/access.tsx";
import { ComparePage } from "./pages/compare.tsx";
import { ConfigPage } from "./pages/config.tsx";
import { ConnectionsPage } from "./pages/connections.tsx";
import { ControllerPage } from "./pages/controller.tsx";
import { KvPage } from "./pages/kv.tsx";
import { LoginPage } from "./pages/login.tsx";
import { Brokers } from "./pages/brokers.tsx";
import { Overview } from "./pages/overview.tsx";
import { Topics } from "./pages/topics.tsx";

/** A page of the console. */
export interface Page {
  /** The first segment of its address. */
  readonly id: string;
  readonly title: TextKey;
  /** Gets the second segment of the address, if there is one. */
  readonly component: ComponentType<{ name: string | undefined }>;
  /** Without this permission there is no page, but the reason. */
  readonly permission?: string;
  /** Its picture in the navigation, as a path in a square of 16; a page without one is not listed there. */
  readonly icon?: string;
}

/** All pages, in the order of the navigation. */
export const PAGES: readonly Page[] = [
  {
    id: "overview",
    title: "overview",
    component: Overview,
    permission: "cluster:read",
    icon: "M2 9h4V2H2zM2 14h4v-3H2zM8 14h6V7H8zM8 2v3h6V2z",
  },
  {
    id: "brokers",
    title: "brokers",
    component: Brokers,
    permission: "cluster:read",
    icon: "M2 2h12v5H2zM2 9h12v5H2zM4.5 4.5h1M4.5 11.5h1M8 4.5h4M8 11.5h4",
  },
  {
    id: "controller",
    title: "controller",
    component: ControllerPage,
    permission: "cluster:read",
    icon: "M2 5l3 3 3-5 3 5 3-3-1 6H3zM3 12h10v2H3z",
  },
  {
    id: "topics",
    title: "topics",
    component: Topics,
    permission: "topic:list",
    icon: "M2 8h4l6-5M6 8h8M6 8l6 5M12 1.5h2.5V4M14.5 12v2.5H12",
  },
  {
    id: "compare",
    title: "compare",
    component: ComparePage,
    permission: "cluster:read",
    icon: "M2 2h5v12H2zM9 2h5v12H9z",
  },
  {
    id: "kv",
    title: "kv",
    component: KvPage,
    permission: "kv:read",
    icon: "M2 3h4v3H2zM7 3h7v3H7zM2 8h4v3H2zM7 8h7v3H7z",
  },
  {
    id: "config",
    title: "config",
    component: ConfigPage,
    permission: "config:read",
    icon: "M2 3h12v2H2zM4 1h2v6H4zM2 10h12v2H2zM10 8h2v6h-2z",
  },
  {
    id: "connections",
    title: "connections",
    component: ConnectionsPage,
    permission: "cluster:read",
    icon: "M1 6h5v4H1zM10 2h5v4h-5zM10 10h5v4h-5zM6 7h2V4h2v1H9v6h1v1H8V9H6z",
  },
  {
    id: "access",
    title: "access",
    component: AccessPage,
    permission: "access:read",
    icon: "M5 7V4a3 3 0 0 1 6 0v3h2v7H3V7zM7 7h2V4a1 1 0 0 0-2 0z",
  },
  { id: "login", title: "login", component: LoginPage },
];
