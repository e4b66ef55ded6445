import {
  to = neuroio_stream_token.camera
  identity = {
    id = "1"
  }
}
