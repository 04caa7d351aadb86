<?php
// SPDX-License-Identifier: Apache-2.0
// A request of a PHP application that keeps its sessions in Redis. usage: session.php SESSION
session_id($argv[1]);
session_start(['use_cookies' => 0]);
var_dump($_SESSION);
$_SESSION['user'] = 'hunter';
session_write_close();
