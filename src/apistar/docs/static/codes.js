// What numbers mean: close codes (RFC 6455 §7.4.1, IANA's registry) and HTTP statuses (RFC 9110 §15).

const CLOSES = {
  1000: "normal closure",
  1001: "going away",
  1002: "protocol error",
  1003: "unsupported kind of data",
  1005: "no code given",
  1006: "lost without a Close",
  1007: "invalid data",
  1008: "against the policy",
  1009: "message too big",
  1010: "extension missing",
  1011: "error in the server",
  1012: "server restarts",
  1013: "try again later",
  1014: "bad gateway",
  1015: "TLS failed",
};

const STATUSES = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  422: "Unprocessable Content",
  426: "Upgrade Required",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

export function closeMeaning(code) {
  if (CLOSES[code]) return CLOSES[code];
  const status = STATUSES[code - 4000];
  if (status) return `the application's own: ${status}`;
  return code >= 4000 ? "the application's own" : code >= 3000 ? "registered" : "";
}

export const statusMeaning = (status) => STATUSES[status] ?? "";
export const isFault = (code) => ![1000, 1001, 1005].includes(code);
