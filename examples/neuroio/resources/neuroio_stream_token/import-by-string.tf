import {
  to = neuroio_stream_token.camera
  id = "1"
}
