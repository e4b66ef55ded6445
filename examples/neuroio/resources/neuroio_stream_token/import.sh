# The id is the token's number.
terraform import neuroio_stream_token.camera 1
