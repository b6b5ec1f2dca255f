// What the service answers, as far as the page reads it. Instants are ISO 8601 in UTC.

export type Headline =
  | "TENANT_UNAVAILABLE"
  | "UNINSTALLED"
  | "PAUSED"
  | "GENERATING"
  | "WAITING_FOR_RETRY"
  | "WAITING_FOR_TOKEN"
  | "FAILED"
  | "REPORT"
  | "NO_REPORT_YET";

export type Progress =
  | "NOT_DUE"
  | "DUE"
  | "WAITING_FOR_TOKEN"
  | "GENERATING"
  | "WAITING_FOR_RETRY"
  | "DEFERRED"
  | "COMPLETED"
  | "MISSED"
  | "DISCARDED"
  | "CANCELLED"
  | "SWITCHED_OFF";

export interface LastError {
  code: string;
  message: string;
  at: string;
  attempt: number;
}

export interface Trigger {
  trigger: string;
  revision: number;
  state: Progress;
  due_at: string;
  window_end_at: string | null;
  next_attempt_at: string | null;
  attempts: number;
  completed_at: string | null;
  report_id: string | null;
  last_error: LastError | null;
}

export interface ReportHead {
  report_id: string;
  trigger: string;
  revision: number;
  completed_at: string;
}

export interface Status {
  state: Headline;
  formats: string[];
  installed_at: string | null;
  last_tick_at: string | null;
  triggers: Trigger[];
  reports: ReportHead[];
  generate: { is_available: boolean; reason: string | null; after: string | null };
}

export interface Said {
  text: string;
  quoted: boolean;
}

export interface Fact {
  term: string;
  value: Said;
}

export interface Note {
  sentence: string;
  heading: string | null;
  facts: Fact[];
}

export interface Item {
  label: string;
  value: Said | null;
  facts: Fact[];
  notes: Note[];
}

export interface Part {
  key: string;
  heading: string;
  paragraphs: string[];
  commands: string[];
  closing: string[];
  facts: Fact[];
  items: Item[];
  points: string[];
}

export interface Document {
  title: string;
  lead: string;
  facts: Fact[];
  cover: Part[];
  parts: Part[];
  footer: string;
  footer_facts: Fact[];
  key_id: string;
}

export interface Report extends ReportHead {
  digest: string;
  document: Document;
}

export interface File {
  name: string;
  media_type: string;
  content_base64: string;
}

export interface Generated {
  reason: string;
  message: string;
  report_id: string | null;
  backoff_expires_at: string | null;
}

// Every answer that is neither 200 nor 202.
export interface Refusal {
  reason: string;
  message: string;
  after?: string;
}
