// The service's routes, as its page calls them. tests/docs compares them with the service.

export const STATUS = "/forge/page/status";
export const REPORT = "/forge/page/report";
export const DOWNLOAD = "/forge/page/download";
export const GENERATE = "/forge/page/generate";
export const GADGET = "/forge/page/gadget";
