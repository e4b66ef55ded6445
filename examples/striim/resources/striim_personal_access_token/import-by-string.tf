import {
  to = striim_personal_access_token.jo
  id = "jo@example.com"
}
