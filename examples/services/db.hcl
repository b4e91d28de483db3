service {
  id   = "db-1"
  name = "db"
  tags = ["primary"]
  port = 5432

  check {
    id       = "db-1-tcp"
    name     = "db port"
    tcp      = "127.0.0.1:5432"
    interval = "10s"
    timeout  = "1s"
  }
}
