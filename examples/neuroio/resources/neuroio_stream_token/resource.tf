# Goes without an end. There may be five of these per account or space.
resource "neuroio_stream_token" "camera" {
  permanent = true
}

# Ends after 24 hours; the next plan after that replaces it.
resource "neuroio_stream_token" "today" {
  permanent = false
}
