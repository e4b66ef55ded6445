# Which permanent tokens are there?
list "neuroio_stream_token" "permanent" {
  provider = neuroio

  config {
    permanent = true
  }
}
