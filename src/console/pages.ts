import type { ComponentType } from "preact";
import type { TextKey } from "./i18n.ts";
import { Overview } from "./pages/overview.tsx";

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
];
