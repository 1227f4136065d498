module readers

go 1.20
