-- Prints what a run of wrk has done as one JSON document, behind its own report.
done = function(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '\n{"microseconds":%d,"requests":%d,"bytes":%d,"failed":%d}\n',
    summary.duration, summary.requests, summary.bytes, failed
  ))
end
